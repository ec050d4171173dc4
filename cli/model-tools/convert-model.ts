import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { BackendTensor } from '../../runtime/worker/backend/backend.js';
import { sliceRows } from '../../runtime/worker/backend/tensor-rows.js';
import { CommandError, EXIT } from '../exit.js';
import { runScript } from '../setup/python.js';
import { megabytes } from '../setup/wheels.js';
import { agrees, differences } from './comparison.js';
import { type LocalModel, openModel } from './local-model.js';
import { parityTable } from './parity-report.js';
import { placeWhole } from './placed-file.js';
import { TensorDocumentSchema } from './tensor-document.js';
import { environmentFor, shipped } from './virtual-environment.js';

export interface Conversion {
  /** A SavedModel's directory, or a file of Keras. */
  readonly source: string;
  /** The ONNX file to be written. */
  readonly output: string;
  readonly signature: string;
  readonly opset: number;
  /** Whether a first dimension that is open everywhere is the batch. */
  readonly batch: boolean;
  readonly tolerance: number;
  readonly backends_dir: string;
  readonly python: string;
  readonly say: (line: string) => void;
}

const LIMIT_MS = 1_800_000;
const ReferenceSchema = z.strictObject({
  inputs: z.array(TensorDocumentSchema),
  outputs: z.array(TensorDocumentSchema).min(1),
});

/** Converts by tf2onnx, runs what came out as a node would, and keeps it only if it answers as TensorFlow does. */
export async function convertModel(conversion: Conversion): Promise<void> {
  const { source, output, signature, opset, batch, tolerance, say } = conversion;
  if (!existsSync(source)) throw new CommandError(EXIT.USAGE, `'${source}' is not there`);
  const isSaved = existsSync(join(source, 'saved_model.pb'));
  if (!isSaved && !/\.(keras|h5)$/.test(source))
    throw new CommandError(
      EXIT.USAGE,
      `'${source}' is neither a SavedModel's directory (with saved_model.pb) nor a .keras or .h5 file`,
    );
  const python = await environmentFor('convert.txt', conversion);
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-convert-'));
  try {
    const candidate = join(folder, 'model.onnx');
    const reference = join(folder, 'reference.json');
    say(`converting ${source} for opset ${opset}`);
    const args = [
      shipped('convert.py'),
      resolve(source),
      candidate,
      reference,
      signature,
      String(opset),
      batch ? 'batch' : 'single',
    ];
    await runScript(python, args, { limit_ms: LIMIT_MS });
    await provedAgainst(reference, candidate, tolerance, say);
    await placeWhole(candidate, resolve(output));
    say(`written: ${output} (${megabytes((await stat(output)).size)})`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function provedAgainst(
  reference: string,
  candidate: string,
  tolerance: number,
  say: (line: string) => void,
): Promise<void> {
  const { inputs, outputs } = ReferenceSchema.parse(JSON.parse(await readFile(reference, 'utf8')));
  const names = outputs.map(({ name }) => name);
  const { order, session } = await openModel(candidate).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(EXIT.REFUSED, `the converted model does not load, and was not kept: ${reason}`);
  });
  try {
    const compared = differences(await session.run(inputs, names), outputs);
    say(parityTable(compared, tolerance));
    if (!agrees(compared, tolerance))
      throw new CommandError(EXIT.REFUSED, 'the converted model answers otherwise than TensorFlow, and was not kept');
    if (order.max_batch > 0) await proveRows({ order, session }, inputs, outputs, tolerance);
  } finally {
    await session.release();
  }
}

/** A node puts the rows of many callers into one run: each must get what it gets alone. */
async function proveRows(
  { order, session }: LocalModel,
  inputs: readonly BackendTensor[],
  outputs: readonly BackendTensor[],
  tolerance: number,
): Promise<void> {
  const names = outputs.map(({ name }) => name);
  const batched = new Set([...order.inputs, ...order.outputs].map(({ name }) => name));
  const rows = inputs[0]?.shape[0] ?? 0;
  for (let row = 0; row < rows; row++) {
    const alone = await session.run(sliceRows(inputs, batched, row, row + 1), names);
    if (agrees(differences(alone, sliceRows(outputs, batched, row, row + 1)), tolerance)) continue;
    throw new CommandError(
      EXIT.REFUSED,
      'a row gets another answer alone than beside others, so the first dimension is no batch: convert it with --no-batch',
    );
  }
}
