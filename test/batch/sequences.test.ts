import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture, type RequestOptions, Rig, type RigModel, request } from './rig.js';

/** y = sum of the new state; the state [2, batch, 3] gains x at every step. */
const STATEFUL: RigModel = {
  name: 'stateful',
  artefact: fixture('models/stateful.onnx'),
  inputs: [
    ['x', 'FP32', [-1, 3]],
    ['state', 'FP32', [2, -1, 3]],
    ['rate', 'INT64', []],
  ],
  outputs: [
    ['y', 'FP32', [-1, 1]],
    ['next', 'FP32', [2, -1, 3]],
  ],
  max_batch: 16,
  manifest: { state: [{ input: 'state', output: 'next' }], constants: { rate: 1 } },
};

function step(sequence_id: string, value: number, options: RequestOptions = {}) {
  const x = new Float32Array(3).fill(value);
  return request('stateful', [['x', 'FP32', [1, 3], new Uint8Array(x.buffer)]], { sequence_id, ...options });
}

async function withRig(run: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = new Rig();
  try {
    await rig.serve(STATEFUL);
    await run(rig);
  } finally {
    await rig.stop();
  }
}

/** Every step adds 3 values into 2 layers, so y is 6 times the sum of what was sent. */
async function send(rig: Rig, sequence_id: string, value: number, options: RequestOptions = {}): Promise<number> {
  return (await rig.infer(step(sequence_id, value, options))).outputs[0].bytes.readFloatLE(0);
}

test('the state of a sequence is carried from request to request on the server', () =>
  withRig(async (rig) => {
    assert.equal(await send(rig, 'a', 1, { sequence_start: true }), 6);
    assert.equal(await send(rig, 'a', 2), 18);
    assert.equal(await send(rig, 'a', 3, { sequence_end: true }), 36);
    await assert.rejects(send(rig, 'a', 4), { code: 'SEQUENCE_NOT_FOUND' });
    assert.equal(rig.sequences.count, 0);
    assert.equal(rig.host.arena.used_bytes, 0);
  }));

test('a start on a running sequence begins again with zeros', () =>
  withRig(async (rig) => {
    await send(rig, 'a', 5, { sequence_start: true });
    assert.equal(await send(rig, 'a', 1, { sequence_start: true }), 6);
  }));

test('rows of different sequences share batches, each with its own state, and requests of one sequence keep their order', () =>
  withRig(async (rig) => {
    const sequences = Array.from({ length: 24 }, (_, i) => `s${i}`);
    const all = sequences.flatMap((id, i) =>
      Array.from({ length: 10 }, (_, k) =>
        send(rig, id, i, { sequence_start: k === 0 }).then((y) => [i, k, y] as const),
      ),
    );
    for (const [i, k, y] of await Promise.all(all)) assert.equal(y, 6 * i * (k + 1), `sequence ${i}, step ${k}`);
    assert.ok(
      rig.observer.executions.some((run) => run.requests > 1),
      'no batch was shared',
    );
  }));

test('a request of a stateful model without a sequence, or with several rows, is refused and changes nothing', () =>
  withRig(async (rig) => {
    await assert.rejects(send(rig, '', 1), { code: 'INVALID_PARAMETER' });
    await assert.rejects(send(rig, 'never-started', 1), { code: 'SEQUENCE_NOT_FOUND' });
    const rows = request('stateful', [['x', 'FP32', [2, 3], new Uint8Array(24)]], {
      sequence_id: 'a',
      sequence_start: true,
    });
    await assert.rejects(rig.infer(rows), { code: 'INVALID_SHAPE' });
    assert.equal(rig.host.arena.used_bytes, 0);
  }));

test('a cancelled request of a sequence lets the next one run and leaves the state as it was', () =>
  withRig(async (rig) => {
    const first = send(rig, 'a', 1, { sequence_start: true });
    const ticket = rig.admission.infer(
      step('a', 100),
      { answered: () => assert.fail('answered'), failed: () => assert.fail('failed') },
      'http',
      0,
    );
    const third = send(rig, 'a', 2);
    ticket.cancel();
    assert.equal(await first, 6);
    assert.equal(await third, 18);
  }));

test('an idle sequence is dropped, an idle stream is not', async () => {
  const rig = new Rig({ limits: { sequence_idle_ms: 1 } });
  try {
    await rig.serve(STATEFUL);
    await send(rig, 's:a', 1, { sequence_start: true });
    await send(rig, 'ws:1', 1, { sequence_start: true });
    while (rig.sequences.count > 1) await new Promise((resolve) => setTimeout(resolve, 50));
    await assert.rejects(send(rig, 's:a', 2), { code: 'SEQUENCE_NOT_FOUND' });
    assert.equal(await send(rig, 'ws:1', 2), 18);
  } finally {
    await rig.stop();
  }
});
