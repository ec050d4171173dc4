import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EPOCH_MS, flightsFile, readFlights } from './flights/data.js';
import { replayFileOf } from './flights/replay-file.js';
import { seasonFileOf } from './flights/season-file.js';
import { FLIGHT_TRAINING, trainFlights } from './flights/train.js';
import { IRIS_SEED, trainIris } from './iris/train.js';
import { seededRandom } from './learning/random.js';

/**
 * Makes everything that the examples serve and replay: `node dist/examples/demo.js DIRECTORY`. In it afterwards: `models/`, laid out
 * as `tidegate runtime --models` takes it, `flights-replay.json`, `flights-season.json` and `monitors/`. Needs the development dependencies, which hold the data.
 */

/** A Friday of the held-out month. */
const REPLAYED_DAY = '2001-06-15';
/** Enough for a drift of a few per cent to stand out, few enough to flow past within minutes. */
const SEASON_FLIGHTS_A_MONTH = 5000;
const SEASON_SEED = 11;

/** The examples' own folder in the checkout, for what is not compiled: this file runs from `<output>/examples`. */
const SOURCES = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', 'examples');

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function placeModel(target: string, name: string, onnx: Uint8Array, metrics: unknown): Promise<void> {
  const version = join(target, 'models', name, '1');
  await mkdir(version, { recursive: true });
  await writeFile(join(version, 'model.onnx'), onnx);
  await writeFile(join(version, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  await copyFile(join(SOURCES, name, 'model.yaml'), join(target, 'models', name, 'model.yaml'));
}

async function makeIris(target: string): Promise<void> {
  const { onnx, metrics } = trainIris(IRIS_SEED);
  await placeModel(target, 'iris', onnx, metrics);
  report(`iris: accuracy ${(metrics.accuracy * 100).toFixed(1)} % on ${metrics.held_out_flowers} held-out flowers`);
}

async function makeFlights(target: string): Promise<void> {
  report('flights: reading three million flights');
  const table = await readFlights(flightsFile());
  const trained = trainFlights(table, { ...FLIGHT_TRAINING, report: (line) => report(`flights: ${line}`) });
  await placeModel(target, 'flights', trained.onnx, trained.metrics);
  const day_min = (Date.parse(REPLAYED_DAY) - EPOCH_MS) / 60_000;
  await writeFile(join(target, 'flights-replay.json'), replayFileOf(table, trained.encoding, REPLAYED_DAY, day_min));
  const season = seasonFileOf(table, trained.encoding, SEASON_FLIGHTS_A_MONTH, seededRandom(SEASON_SEED));
  await writeFile(join(target, 'flights-season.json'), season);
}

async function makeSpeech(target: string): Promise<void> {
  const version = join(target, 'models', 'speech', '1');
  await mkdir(version, { recursive: true });
  const source = join(SOURCES, 'speech');
  await copyFile(join(source, 'model', 'silero_vad.onnx'), join(version, 'model.onnx'));
  await copyFile(join(source, 'model', 'LICENSE'), join(version, 'LICENSE'));
  await copyFile(join(source, 'model.yaml'), join(target, 'models', 'speech', 'model.yaml'));
}

const target = process.argv[2];
if (target === undefined) {
  process.stderr.write('usage: node dist/examples/demo.js DIRECTORY\n');
  process.exitCode = 2;
} else {
  await makeIris(target);
  await makeSpeech(target);
  await makeFlights(target);
  await cp(join(SOURCES, 'flights', 'monitors'), join(target, 'monitors'), { recursive: true });
}
