import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { asTidegateError } from '../../../contract/error.js';
import type { TableShape } from '../../../contract/feature-row.js';
import { TableWriter } from '../../../feature-cache/store/table-writer.js';

/** What the threads of the hammer test agree on. */
export const HAMMER_SHAPE: TableShape = {
  name: 'hammer',
  fields: [
    { name: 'owner', type: 'int32' },
    ...['a0', 'a1', 'a2', 'a3'].map((name) => ({ name, type: 'float64' }) as const),
    ...['b0', 'b1'].map((name) => ({ name, type: 'float32' }) as const),
    { name: 'text', type: 'string' },
    { name: 'kind', type: 'category' },
    { name: 'vector', type: 'vector', length: 64 },
  ],
};
export const HAMMER_KEYS = 64;
export const MOST_N = 2 ** 23;

export function textOf(owner: number, n: number): string {
  return `${owner}/${n}/${'x'.repeat(n % 90)}`;
}

/**
 * Updates few entities as fast as it can, all fields or half of them, with strings whose blocks are freed and taken by
 * others at once, and lets a stream of newcomers evict whatever nobody reads.
 */
function hammer(stop: Int32Array): void {
  const writer = new TableWriter(HAMMER_SHAPE, { budget_bytes: 1024 * 1024 });
  parentPort?.postMessage(writer.handle);
  for (let n = 1; n < MOST_N && Atomics.load(stop, 0) === 0; n++) {
    const owner = n % 3 === 0 ? HAMMER_KEYS + n : n % HAMMER_KEYS;
    const at = {
      key: [`entity-${owner}`],
      event_time_us: n,
      ingest_time_us: n + 1,
      sequence: n,
      source: 'stream',
    } as const;
    const a = { a0: n, a1: n, a2: n, a3: n };
    const rest = {
      owner,
      b0: n,
      b1: n,
      text: textOf(owner, n),
      kind: `kind ${n % 10}`,
      vector: new Float32Array(64).fill(n),
    };
    try {
      writer.apply({ ...at, values: n % 5 === 0 ? a : { ...a, ...rest } }, n);
    } catch (refusal) {
      // Where readers want every row, or no two neighbours went, a newcomer is refused.
      if (asTidegateError(refusal).code !== 'MEMORY_EXHAUSTED') throw refusal;
    }
    Atomics.store(stop, 1, n);
  }
  parentPort?.postMessage(writer.stats);
}

if (parentPort !== null)
  hammer(new Int32Array(z.object({ stop: z.instanceof(SharedArrayBuffer) }).parse(workerData).stop));
