import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { TidegateError } from '../contract/error.js';
import { DEFAULT_LIMITS } from '../contract/limits.js';
import type { TensorRecord } from '../contract/registry-record.js';
import type { VersionReport } from '../contract/version-report.js';
import { Host } from '../runtime/batch/host.js';
import { artefactAmong, formatOf } from '../runtime/model/artefact.js';
import type { FoundDevice } from '../runtime/model/device.js';
import { newHandle } from '../runtime/model/handle.js';
import { MANIFEST_NAME, readManifestFile } from '../runtime/model/manifest-file.js';
import { describeVersion } from '../runtime/model/version-description.js';
import { Statistics } from '../runtime/observe/statistics.js';
import { tensorflowFinding } from '../runtime/worker/backend/device-candidate.js';
import { backendsFolder } from '../std/backends-folder.js';
import { EXIT } from './exit.js';
import { table } from './table.js';

const STOP_LIMIT_MS = 5000;

interface CheckOptions {
  readonly json?: true;
  readonly timeoutMs: string;
}

/** `tidegate check DIR`: loads a version as a node would, runs it once, and says what it is. The registry runs this before it accepts anything. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .argument('<directory>', 'a version: model.onnx and what belongs to it; -: read the name from standard input')
    .description('load a model as a node would, run it once, and say what it is')
    .option('--json', 'the report as JSON')
    .option('--timeout-ms <ms>', 'how long loading may take', '60000')
    .addHelpText('after', '\nExample:\n  tidegate check ./models/iris/1')
    .action(check);
}

async function check(directory: string, { json, timeoutMs }: CheckOptions): Promise<void> {
  const report = await loadedOnce(directory === '-' ? await namedLater() : directory, Number(timeoutMs));
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { signature, platform, memory_bytes, max_batch, load_ms, warmup_ms, device } = report;
  const rows = [
    ...signature.inputs.map((tensor) => ['input', tensor.name, tensor.datatype, shapeText(tensor)]),
    ...signature.outputs.map((tensor) => ['output', tensor.name, tensor.datatype, shapeText(tensor)]),
  ];
  console.log(table(['', 'NAME', 'TYPE', 'SHAPE'], rows));
  const batch = max_batch === 0 ? 'one request a run' : `at most ${max_batch} rows a run`;
  console.log(
    `${platform} on ${device}: ${memory_bytes} bytes, ${batch}; loaded in ${Math.round(load_ms)} ms, ran in ${warmup_ms.toFixed(1)} ms`,
  );
}

/** The registry starts this process before it knows what for: what takes longest is done by then. */
async function namedLater(): Promise<string> {
  await import('onnxruntime-node');
  let text = '';
  const chunks: AsyncIterable<Buffer> = process.stdin;
  for await (const chunk of chunks) text += chunk.toString('utf8');
  // Nothing came: nobody needs it any more.
  if (text.trim() === '') process.exit(EXIT.DONE);
  return text.trim();
}

/** This process is started for one model and has no settings of its own: where nodes look is told by their variables. */
function tensorflowHere(): FoundDevice {
  const { TIDEGATE_BACKENDS_DIR: backends_dir = '', TIDEGATE_DATA_DIR: data_dir = '.tidegate' } = process.env;
  return tensorflowFinding(backendsFolder({ backends_dir, data_dir }), { exists: existsSync });
}

function shapeText({ shape }: TensorRecord): string {
  return `[${shape.join(', ')}]`;
}

async function loadedOnce(directory: string, limit_ms: number): Promise<VersionReport> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw new TidegateError('INVALID_CONFIG', `'${directory}' is no directory that can be read: ${String(cause)}`, {
      cause,
    });
  });
  const artefact = join(directory, artefactAmong(names.sort()));
  const manifest = await readManifestFile(join(directory, MANIFEST_NAME));
  const found = { version: 1, artefact, stamp: '' };
  const source = { model: 'candidate', found, manifest, config: undefined, workers: 1 };
  const version = describeVersion(newHandle(), { ...source, devices: [tensorflowHere()] });
  const options = { workers: 1, max_threads: 1, spin_us: 0, poll_us: 0, inline_us: 0, limits: DEFAULT_LIMITS };
  const host = new Host(options, new Statistics());
  try {
    host.announce(version);
    const signal = AbortSignal.timeout(limit_ms);
    const { load_ms, warmup_ms, device } = await host.load(version, signal);
    const { signature, memory_bytes, batching } = version;
    const tensors = (specs: typeof signature.inputs) =>
      specs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] }));
    return {
      signature: { inputs: tensors(signature.inputs), outputs: tensors(signature.outputs) },
      platform: formatOf(artefact),
      memory_bytes,
      max_batch: batching.max_batch,
      load_ms,
      warmup_ms,
      device,
    };
  } finally {
    await host.stop(STOP_LIMIT_MS);
  }
}
