import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type StreamingConnection, TidegateClient } from '../../client/index.js';
import { flightsFile, readFlights } from '../../examples/flights/data.js';
import { FEATURES, FlightFeatures } from '../../examples/flights/features.js';
import { LATE_MIN } from '../../examples/flights/history.js';
import { replayFlights } from '../../examples/flights/replay.js';
import type { FlownFlight, Replay } from '../../examples/flights/replay-file.js';
import { type TrainedFlights, trainFlights } from '../../examples/flights/train.js';
import { departureOf } from '../../examples/flights/training-set.js';
import { IRIS_SEED, trainIris } from '../../examples/iris/train.js';
import { predict } from '../../examples/learning/network.js';
import { CONTEXT_SAMPLES, FRAME_SAMPLES, frameCount, frameWithContext } from '../../examples/speech/frames.js';
import { streamSpeech } from '../../examples/speech/stream.js';
import { synthesiseSpeech } from '../../examples/speech/synthetic-voice.js';
import { Screen } from '../../examples/terminal/screen.js';
import { temporaryFolder } from '../harness/checkout.js';
import { startRuntime } from '../harness/runtime.js';
import { inCheckout } from './checkout.js';
import { floats } from './onnx-runs.js';

const NEVER = new AbortController().signal;

async function placeModel(folder: string, name: string, onnx: Uint8Array | string): Promise<void> {
  await mkdir(join(folder, name, '1'), { recursive: true });
  const model = join(folder, name, '1', 'model.onnx');
  if (typeof onnx === 'string') await copyFile(onnx, model);
  else await writeFile(model, onnx);
  await copyFile(inCheckout(`examples/${name}/model.yaml`), join(folder, name, 'model.yaml'));
}

async function connectTo(t: TestContext, folder: string): Promise<StreamingConnection> {
  const { url } = await startRuntime(t, folder);
  const connection = await new TidegateClient(url).connect();
  t.after(() => connection.close());
  return connection;
}

class Paper {
  readonly isTTY = false;
  text = '';
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

const COUNT = 1500;

async function trainedReplay(): Promise<{ trained: TrainedFlights; replay: Replay }> {
  const table = await readFlights(flightsFile(), 2_490_000, 2_510_000);
  const split_min = table.minute[15_000];
  const trained = trainFlights(table, { split_min, keep: 0.5, epochs: 1, seed: 5, report: () => undefined });
  const flights = Array.from(
    { length: COUNT },
    (_, i): FlownFlight => ({ ...departureOf(table, 15_000 + i), delay_min: table.delay_min[15_000 + i] }),
  );
  return { trained, replay: { day: 'a test', encoding: trained.encoding, before: [], flights } };
}

test('a replay scores every flight as the trained network does, and judges each when it has landed', async (t) => {
  const { trained, replay } = await trainedReplay();
  const folder = await temporaryFolder(t, 'examples');
  await placeModel(folder, 'flights', trained.onnx);
  const connection = await connectTo(t, folder);
  const paper = new Paper();
  const settings = { speed: 0, streams: 4, model: 'flights' };
  const board = await replayFlights(connection, replay, settings, new Screen(paper), NEVER);
  const late = replay.flights.filter(({ delay_min }) => delay_min > LATE_MIN).length;
  assert.deepEqual([board.scored, board.failed, board.landed, board.late], [COUNT, 0, COUNT, late], board.lastFailure);
  const features = new FlightFeatures(replay.encoding);
  const rows = new Float32Array(COUNT * FEATURES.length);
  for (const [i, flight] of replay.flights.entries()) {
    features.fill(flight, rows, i * FEATURES.length);
    features.landed(flight, flight.delay_min);
  }
  const expected = predict(trained.network, rows);
  for (const { flight, score } of board.latest) {
    assert.ok(Math.abs(score - expected[replay.flights.indexOf(flight) * 2 + 1]) < 1e-5);
  }
  const flagged = replay.flights.filter((_, i) => expected[i * 2 + 1] >= 0.5).length;
  assert.ok(Math.abs(board.flagged - flagged) <= 1, 'a score on the border may fall on either side');
  assert.match(paper.text, new RegExp(`scored ${COUNT}/${COUNT} .* landed ${COUNT}`));
});

test('a replay of a model that takes other features counts every flight as failed, with the reason', async (t) => {
  const { replay } = await trainedReplay();
  const folder = await temporaryFolder(t, 'examples');
  await placeModel(folder, 'iris', trainIris(IRIS_SEED).onnx);
  const connection = await connectTo(t, folder);
  const short: Replay = { ...replay, flights: replay.flights.slice(0, 5) };
  const settings = { speed: 0, streams: 1, model: 'iris' };
  const board = await replayFlights(connection, short, settings, new Screen(new Paper()), NEVER);
  assert.deepEqual([board.scored, board.failed], [0, 5]);
  assert.match(board.lastFailure, /features/);
});

test('many voices at once each get what the model gives them alone, from their own place in the sound on', async (t) => {
  const folder = await temporaryFolder(t, 'examples');
  await placeModel(folder, 'speech', inCheckout('examples/speech/model/silero_vad.onnx'));
  const connection = await connectTo(t, folder);
  const samples = synthesiseSpeech(1).samples.slice(0, 50 * FRAME_SAMPLES);
  const paper = new Paper();
  const settings = { speed: 0, streams: 20, model: 'speech' };
  const listeners = await streamSpeech(connection, samples, settings, new Screen(paper), NEVER);
  assert.equal(listeners.length, 20);
  for (const { first, probabilities } of [listeners[0], listeners[13]]) {
    const alone = await heardAlone(samples, first);
    assert.equal(probabilities.length, alone.length);
    for (const [frame, probability] of probabilities.entries()) {
      assert.ok(Math.abs(probability - alone[frame]) < 1e-5, `frame ${frame}: ${probability}, alone ${alone[frame]}`);
    }
  }
  assert.match(paper.text, /heard 1000\/1000/);
});

async function heardAlone(samples: Float32Array, first: number): Promise<number[]> {
  const model = inCheckout('examples/speech/model/silero_vad.onnx');
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const probabilities: number[] = [];
  let state: Float32Array = new Float32Array(256);
  for (let i = 0; i < frameCount(samples); i++) {
    const frame = frameWithContext(samples, (first + i) % frameCount(samples));
    const results = await session.run({
      input: new Tensor('float32', frame, [1, CONTEXT_SAMPLES + FRAME_SAMPLES]),
      state: new Tensor('float32', state, [2, 1, 128]),
      sr: new Tensor('int64', BigInt64Array.of(16000n), []),
    });
    probabilities.push(floats(results['output'])[0]);
    state = floats(results['stateN']);
  }
  await session.release();
  return probabilities;
}
