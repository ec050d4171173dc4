import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { type FlightTable, flightsFile, readFlights } from '../../examples/flights/data.js';
import { type Departure, FEATURES, FlightFeatures, flightTime_min } from '../../examples/flights/features.js';
import { readReplay, replayFileOf } from '../../examples/flights/replay-file.js';
import { type FlightTraining, SPLIT_MIN, trainFlights } from '../../examples/flights/train.js';
import { departureOf, encodeFlights, firstFrom, splitFlights } from '../../examples/flights/training-set.js';
import { predict } from '../../examples/learning/network.js';
import { readManifestFile } from '../../runtime/model/manifest-file.js';
import { inCheckout } from './checkout.js';
import { largestDifference, runClassifier } from './onnx-runs.js';

const DAY_MIN = 1440;
/** The last days of May and the first of June. */
const FIRST_ROW = 2_400_000;
const ROWS = 120_000;
const PLAN: FlightTraining = { split_min: SPLIT_MIN, keep: 0.5, epochs: 2, seed: 3, report: () => undefined };

let table: FlightTable;

before(async () => {
  table = await readFlights(flightsFile(), FIRST_ROW, FIRST_ROW + ROWS);
});

test('flights come in order of departure, with sane values, and any stretch of rows can be read alone', async () => {
  assert.equal(table.minute.length, ROWS);
  assert.ok(table.airports.length > 150);
  assert.deepEqual([...table.airports].sort(), table.airports);
  const stretch = await readFlights(flightsFile(), FIRST_ROW + 1000, FIRST_ROW + 1100);
  const routes = (from: FlightTable, offset: number) =>
    Array.from({ length: 100 }, (_, i) => {
      const { minute, distance_mi, origin, destination } = departureOf(from, offset + i);
      return `${minute} ${from.airports[origin]}-${from.airports[destination]} ${distance_mi} ${from.delay_min[offset + i]}`;
    });
  assert.deepEqual(routes(stretch, 0), routes(table, 1000));
});

test('training on a subset is reproducible to the byte, and ONNX Runtime gives the trained probabilities', async () => {
  const trained = trainFlights(table, PLAN);
  assert.deepEqual(trainFlights(table, PLAN).onnx, trained.onnx);
  const { held_out } = splitFlights(table, trained.encoding, PLAN.split_min, 0, Math.random);
  const features = held_out.features.subarray(0, 500 * FEATURES.length);
  const ran = await runClassifier(trained.onnx, features, FEATURES.length);
  assert.ok(largestDifference(ran, predict(trained.network, features)) < 1e-5);
});

test('a model of a few days already ranks later flights better than chance, and beats a constant answer', () => {
  const { metrics } = trainFlights(table, PLAN);
  assert.ok(metrics.auc > 0.65, `AUC ${metrics.auc}`);
  assert.ok(metrics.log_loss < metrics.constant_log_loss, `log loss ${metrics.log_loss}`);
});

test('features never know an outcome before the flight has landed', () => {
  const encoding = encodeFlights(table, PLAN.split_min);
  const flight: Departure = { minute: 600, distance_mi: 300, origin: 3, destination: 9 };
  const landing = flight.minute + flightTime_min(flight.distance_mi) + 90;
  const rowAt = (minute: number, delays: readonly number[]): Float32Array => {
    const features = new FlightFeatures(encoding);
    for (const delay of delays) features.landed(flight, delay);
    const row = new Float32Array(FEATURES.length);
    features.fill({ ...flight, minute }, row, 0);
    return row;
  };
  assert.deepEqual(rowAt(landing - 1, [90]), rowAt(landing - 1, []));
  assert.notDeepEqual(rowAt(landing, [90]), rowAt(landing, []));
});

test('the replay file gives back the same flights, and the features made from it are those of training', async () => {
  const encoding = encodeFlights(table, PLAN.split_min);
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-replay-'));
  try {
    const path = join(directory, 'replay.json');
    const day_min = SPLIT_MIN - DAY_MIN;
    await writeFile(path, replayFileOf(table, encoding, '2001-05-31', day_min));
    const replay = await readReplay(path);
    const start = firstFrom(table, day_min - DAY_MIN);
    const first = firstFrom(table, day_min);
    assert.equal(replay.before.length, first - start);
    assert.equal(replay.flights.length, firstFrom(table, SPLIT_MIN) - first);
    const features = new FlightFeatures(replay.encoding);
    const row = new Float32Array(FEATURES.length);
    for (const flight of [...replay.before, ...replay.flights]) {
      features.fill(flight, row, 0);
      features.landed(flight, flight.delay_min);
    }
    const known = new FlightFeatures(encoding);
    const expected = new Float32Array(FEATURES.length);
    for (let i = start; i < first + replay.flights.length; i++) {
      known.fill(departureOf(table, i), expected, 0);
      known.landed(departureOf(table, i), table.delay_min[i]);
    }
    assert.deepEqual(row, expected);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the manifest labels both classes', async () => {
  const manifest = await readManifestFile(inCheckout('examples/flights/model.yaml'));
  assert.deepEqual(manifest.labels['probabilities'], ['on_time', 'late']);
});
