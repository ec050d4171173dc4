import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import {
  CONTEXT_SAMPLES,
  FRAME_SAMPLES,
  frameCount,
  frameWithContext,
  SPEECH_SAMPLE_RATE,
} from '../../examples/speech/frames.js';
import { synthesiseSpeech } from '../../examples/speech/synthetic-voice.js';
import { readWav, resample } from '../../examples/speech/wav.js';
import { sparkline } from '../../examples/terminal/sparkline.js';
import { decideBatching, stateBatchAxis } from '../../runtime/model/batching.js';
import { checkAgainstSignature } from '../../runtime/model/manifest-check.js';
import { readManifestFile } from '../../runtime/model/manifest-file.js';
import { readOnnxFile } from '../../runtime/model/onnx-file.js';
import { inCheckout } from './checkout.js';
import { floats, largestDifference } from './onnx-runs.js';

const MODEL = 'examples/speech/model/silero_vad.onnx';
const STATE_WIDTH = 128;

interface Step {
  readonly output: Float32Array;
  readonly state: Float32Array;
}

async function step(session: InferenceSession, inputs: Float32Array, state: Float32Array): Promise<Step> {
  const rows = state.length / (2 * STATE_WIDTH);
  const results = await session.run({
    input: new Tensor('float32', inputs, [rows, CONTEXT_SAMPLES + FRAME_SAMPLES]),
    state: new Tensor('float32', state, [2, rows, STATE_WIDTH]),
    sr: new Tensor('int64', BigInt64Array.of(BigInt(SPEECH_SAMPLE_RATE)), []),
  });
  return { output: floats(results['output']), state: floats(results['stateN']) };
}

async function withSession(work: (session: InferenceSession) => Promise<void>): Promise<void> {
  const session = await InferenceSession.create(inCheckout(MODEL), { intraOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    await work(session);
  } finally {
    await session.release();
  }
}

test('the manifest fits the model file: a state on axis 1, a constant rate, rows of streams in one batch', async () => {
  const manifest = await readManifestFile(inCheckout('examples/speech/model.yaml'));
  const shapes = new Map(Object.entries(manifest.inputs).map(([name, { shape }]) => [name, shape ?? []] as const));
  const { signature } = readOnnxFile(inCheckout(MODEL), shapes);
  checkAgainstSignature(manifest, signature);
  assert.equal(decideBatching(signature, manifest).max_batch, 128);
  const [pair] = manifest.state;
  const state = signature.inputs.find(({ name }) => name === pair.input);
  assert.ok(state !== undefined);
  assert.equal(stateBatchAxis(state, pair), 1);
});

test('the model hears the synthetic voice where it speaks, and silence where it does not', async () => {
  const speech = synthesiseSpeech(1);
  assert.deepEqual(synthesiseSpeech(1).samples, speech.samples);
  await withSession(async (session) => {
    let state: Float32Array = new Float32Array(2 * STATE_WIDTH);
    let right = 0;
    const frames = frameCount(speech.samples);
    for (let frame = 0; frame < frames; frame++) {
      const done = await step(session, frameWithContext(speech.samples, frame), state);
      state = done.state;
      const middle_s = ((frame + 0.5) * FRAME_SAMPLES) / SPEECH_SAMPLE_RATE;
      const spoken = speech.spoken.some(({ from_s, to_s }) => middle_s >= from_s && middle_s < to_s);
      if (done.output[0] > 0.5 === spoken) right++;
    }
    assert.ok(right / frames > 0.9, `${right} of ${frames} frames`);
  });
});

test('streams that share a run get what each gets alone', async () => {
  const voices = [synthesiseSpeech(1), synthesiseSpeech(2), synthesiseSpeech(3)];
  await withSession(async (session) => {
    let shared: Float32Array = new Float32Array(2 * voices.length * STATE_WIDTH);
    const alone: Float32Array[] = voices.map(() => new Float32Array(2 * STATE_WIDTH));
    for (let frame = 26; frame < 34; frame++) {
      const inputs = voices.map(({ samples }, voice) => frameWithContext(samples, frame + voice));
      const together = await step(session, Float32Array.from(inputs.flatMap((input) => [...input])), shared);
      shared = together.state;
      for (const [voice, input] of inputs.entries()) {
        const single = await step(session, input, alone[voice]);
        alone[voice] = single.state;
        assert.ok(largestDifference(single.output, together.output.slice(voice, voice + 1)) < 1e-5);
      }
    }
  });
});

test('a frame carries the end of the one before it, and the first one silence', () => {
  const samples = Float32Array.from({ length: 2 * FRAME_SAMPLES + 100 }, (_, i) => i + 1);
  assert.equal(frameCount(samples), 2);
  const first = frameWithContext(samples, 0);
  assert.deepEqual(
    [...first.slice(0, CONTEXT_SAMPLES)],
    Array.from({ length: CONTEXT_SAMPLES }, () => 0),
  );
  assert.equal(first[CONTEXT_SAMPLES], 1);
  const second = frameWithContext(samples, 1);
  assert.equal(second[0], FRAME_SAMPLES - CONTEXT_SAMPLES + 1);
  assert.equal(second.at(-1), 2 * FRAME_SAMPLES);
});

function wavOf(channels: number, sample_rate: number, samples: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(44 + 8 + samples.length * 2);
  bytes.write('RIFF', 0, 'latin1');
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(sample_rate, 24);
  bytes.writeUInt16LE(16, 34);
  bytes.write('LIST', 36, 'latin1');
  bytes.writeUInt32LE(0, 40);
  bytes.write('data', 44, 'latin1');
  bytes.writeUInt32LE(samples.length * 2, 48);
  for (const [i, sample] of samples.entries()) bytes.writeInt16LE(sample, 52 + i * 2);
  return bytes;
}

test('WAV files are read whatever chunks come first, mixed to one channel, and brought to another rate', () => {
  const sound = readWav(wavOf(2, 32_000, [16384, 0, -16384, -16384, 0, 0, 32767, 32767]));
  assert.equal(sound.sample_rate, 32_000);
  assert.deepEqual([...sound.samples.slice(0, 3)], [0.25, -0.5, 0]);
  assert.deepEqual([...resample(sound, 16_000).samples.slice(0, 1)], [-0.125]);
  assert.equal(resample(sound, 64_000).samples.length, 8);
});

test('what is no WAV file, or one that cannot be read, is refused with the reason', () => {
  assert.throws(() => readWav(new Uint8Array(4)), /not a WAV file/);
  assert.throws(() => readWav(wavOf(1, 16_000, []).subarray(0, 12)), /no format chunk/);
  const eightBits = wavOf(1, 16_000, [1]);
  eightBits[34] = 8;
  assert.throws(() => readWav(eightBits), /encoding 1 and 8 bits/);
});

test('a sparkline shows the peak of each stretch and never more than its width', () => {
  assert.equal(sparkline([0, 0.5, 1], 10), '▁▅█');
  assert.equal(sparkline([0, 1, 0, 0], 2), '█▁');
  assert.equal(sparkline([], 5), '');
});
