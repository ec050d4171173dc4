import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BackendTensor } from '../../runtime/worker/backend/backend.js';
import { newNativeSession } from '../../runtime/worker/backend/onnx-binding.js';
import { comparedOutputs, sampleRows } from '../../runtime/worker/backend/sample-rows.js';
import { CommandError, EXIT } from '../exit.js';
import { runScript } from '../setup/python.js';
import { megabytes } from '../setup/wheels.js';
import { table } from '../table.js';
import { readCalibrationRows } from './calibration-rows.js';
import { agrees, differences, type OutputDifference } from './comparison.js';
import { type LocalModel, openModel } from './local-model.js';
import { parityTable } from './parity-report.js';
import { placeWhole } from './placed-file.js';
import { tensorDocument } from './tensor-document.js';
import { environmentFor, shipped } from './virtual-environment.js';

export type OptimizeMode = 'graph' | 'fp16' | 'int8';

/** How far outputs may move, as a part of their largest value, where nobody says. */
export const TOLERANCES: Readonly<Record<OptimizeMode, number>> = { graph: 1e-4, fp16: 2e-2, int8: 1e-1 };

export interface Optimization {
  readonly source: string;
  readonly output: string;
  readonly mode: OptimizeMode;
  readonly tolerance: number;
  /** A file of requests to calibrate with and to compare on; '': values are made up. */
  readonly rows: string;
  readonly backends_dir: string;
  readonly python: string;
  readonly say: (line: string) => void;
}

const LIMIT_MS = 1_800_000;
const RUNS = 30;
const MADE_UP_ROWS = 8;

/** Writes another form of a model, and keeps it only if it answers as the model does. Whether it is faster is told, and left to people. */
export async function optimizeModel(optimization: Optimization): Promise<void> {
  const { source, output, mode, tolerance, rows, say } = optimization;
  if (!existsSync(source)) throw new CommandError(EXIT.USAGE, `'${source}' is not there`);
  const calibration = rows === '' ? [] : await readCalibrationRows(rows);
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-optimize-'));
  try {
    const candidate = join(folder, 'model.onnx');
    if (mode === 'graph') writeOptimizedGraph(resolve(source), candidate);
    else await writeByPython(optimization, candidate, folder, calibration);
    const before = await openModel(source);
    const after = await openModel(candidate, source);
    try {
      const runs = calibration.length > 0 ? calibration : [sampleRows(before.order, rowsFor(before))];
      const compared = await compareRuns(before, after, runs);
      say(parityTable(compared, tolerance));
      say(`\n${await sizeAndSpeed(source, candidate, before, after, runs)}\n`);
      if (!agrees(compared, tolerance))
        throw new CommandError(
          EXIT.REFUSED,
          `the ${mode} model answers too far from the one it was made of, and was not kept: allow more with --tolerance, or calibrate with --rows`,
        );
    } finally {
      await before.session.release();
      await after.session.release();
    }
    await placeWhole(candidate, resolve(output));
    say(`written: ${output}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Not all: what ONNX Runtime does at its last level is for the processor that it runs on. */
function writeOptimizedGraph(source: string, candidate: string): void {
  const session = newNativeSession();
  const options = {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'extended',
    optimizedModelFilePath: candidate,
  };
  session.loadModel(source, { ...options, logSeverityLevel: 4 });
  session.dispose();
}

async function writeByPython(
  optimization: Optimization,
  candidate: string,
  folder: string,
  calibration: readonly (readonly BackendTensor[])[],
): Promise<void> {
  const { source, mode, say } = optimization;
  const python = await environmentFor('optimize.txt', optimization);
  const file = join(folder, 'rows.json');
  await writeFile(file, JSON.stringify(calibration.map((run) => run.map(tensorDocument))));
  if (mode === 'int8' && calibration.length === 0)
    say('no --rows: weights are quantised, and activations at every run');
  await runScript(python, [shipped('optimize.py'), mode, resolve(source), candidate, file], { limit_ms: LIMIT_MS });
}

function rowsFor({ order }: LocalModel): number {
  return order.max_batch > 0 ? Math.min(MADE_UP_ROWS, order.max_batch) : 1;
}

async function compareRuns(
  before: LocalModel,
  after: LocalModel,
  runs: readonly (readonly BackendTensor[])[],
): Promise<OutputDifference[]> {
  const wanted = comparedOutputs(before.order);
  const worst = new Map<string, OutputDifference>();
  for (const inputs of runs) {
    const compared = differences(await after.session.run(inputs, wanted), await before.session.run(inputs, wanted));
    for (const each of compared) {
      const known = worst.get(each.output);
      if (known?.fault !== undefined && known.fault !== '') continue;
      const largest = Math.max(each.largest, known?.largest ?? 0);
      const scale = Math.max(each.scale, known?.scale ?? 0);
      worst.set(each.output, { ...each, largest, scale });
    }
  }
  return [...worst.values()];
}

async function sizeAndSpeed(
  source: string,
  candidate: string,
  before: LocalModel,
  after: LocalModel,
  runs: readonly (readonly BackendTensor[])[],
): Promise<string> {
  const wanted = comparedOutputs(before.order);
  const spent = { before: [] as number[], after: [] as number[] };
  // In turns, so that whatever else the machine does meets both alike.
  for (let round = 0; round < RUNS; round++) {
    const inputs = runs[round % runs.length];
    for (const [name, { session }] of [
      ['before', before],
      ['after', after],
    ] as const) {
      const begun_ms = performance.now();
      await session.run(inputs, wanted);
      spent[name].push(performance.now() - begun_ms);
    }
  }
  const [old_ms, new_ms] = [middle(spent.before), middle(spent.after)];
  const sizes = [(await stat(source)).size, (await stat(candidate)).size];
  const rows = [
    ['before', megabytes(sizes[0]), `${old_ms.toFixed(3)} ms`, ''],
    ['after', megabytes(sizes[1]), `${new_ms.toFixed(3)} ms`, `${(old_ms / new_ms).toFixed(2)} times as fast`],
  ];
  return table(['MODEL', 'SIZE', 'MEDIAN RUN', ''], rows);
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
