import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Label } from './label.js';

const KeptSchema: z.ZodType<Label> = z.object({
  key: z.string(),
  model: z.string(),
  request_id: z.string(),
  row: z.number(),
  entity_key: z.string(),
  ts: z
    .string()
    .nullable()
    .transform((value) => value ?? undefined),
  version: z
    .number()
    .nullable()
    .transform((value) => value ?? undefined),
  text: z.string(),
  // JSON has no NaN.
  number: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
  source: z.string(),
});

/** Labels in a file that only this process reads again. */
export async function keepLabels(labels: AsyncIterable<Label>, path: string): Promise<void> {
  const file = createWriteStream(path);
  try {
    for await (const label of labels) {
      const line = JSON.stringify({ ...label, ts: label.ts ?? null, version: label.version ?? null });
      if (!file.write(`${line}\n`)) await once(file, 'drain');
    }
  } finally {
    file.end();
    await once(file, 'close');
  }
}

export async function* keptLabels(path: string): AsyncGenerator<Label> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    yield KeptSchema.parse(JSON.parse(line));
  }
}
