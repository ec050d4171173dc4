import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BackendLost } from '../../../runtime/worker/backend/backend.js';
import { GpuSession } from '../../../runtime/worker/backend/gpu-session.js';
import type { BackendEvent, LoadOrder } from '../../../runtime/worker/messages.js';
import type { Cleanup } from '../../harness/checkout.js';
import { STUB } from '../../harness/stub-gpu.js';

const ENTRY = fileURLToPath(new URL('../../harness/stub-gpu.js', import.meta.url));
const LIMITS = { load_ms: 20_000, run_ms: 20_000, pause_ms: 60_000 };

interface Stubbed {
  readonly session: GpuSession;
  readonly events: readonly BackendEvent[];
  /** The rows that come back of these. */
  run(rows: readonly number[]): Promise<number[]>;
}

async function stubbed(t: Cleanup, model: string, limits = LIMITS): Promise<Stubbed> {
  const order: LoadOrder = {
    handle: 1,
    model,
    version: 1,
    format: 'onnx',
    artefact: 'model.onnx',
    artefact_bytes: 0,
    signature: '',
    max_batch: 64,
    device: 'cuda',
    device_home: '',
    may_fall_back: false,
    threads: 1,
    warmup: false,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1], batch_axis: 0 }],
    states: [],
    constants: [],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1], batch_axis: 0 }],
  };
  const events: BackendEvent[] = [];
  const program = { device: 'cuda', home: '', entry: ENTRY };
  const session = new GpuSession(order, program, limits, (event) => events.push(event));
  t.after(() => session.release());
  await session.start();
  const run = async (rows: readonly number[]) => {
    const data = new Uint8Array(Float32Array.from(rows).buffer);
    const [result] = await session.run([{ name: 'x', datatype: 'FP32', shape: [rows.length, 1], data }], ['y']);
    assert.ok(result.data instanceof Uint8Array);
    assert.deepEqual(result.shape, [rows.length, 1]);
    return [...new Float32Array(new Uint8Array(result.data).buffer)];
  };
  return { session, events, run };
}

test('a process that dies loses its batch as one that may be sent again, is counted, and the next batch finds another', async (t) => {
  const { session, events, run } = await stubbed(t, 'm');
  assert.deepEqual(await run([1, 2]), [2, 4]);
  const first = session.pid;
  await assert.rejects(run([STUB.CRASH]), (error) => {
    assert.ok(error instanceof BackendLost);
    assert.match(error.message, /GPU process ended \(exit code 9\); another one is started/);
    return true;
  });
  assert.deepEqual(events, [{ kind: 'process_lost' }]);
  assert.deepEqual(await run([3]), [6]);
  assert.notEqual(session.pid, first);
});

test('a driver that hangs is ended when the limit is over, and the next batch finds another process', async (t) => {
  const { session, events, run } = await stubbed(t, 'm', { ...LIMITS, run_ms: 300 });
  const hung = session.pid;
  await assert.rejects(run([STUB.HANG]), /did not answer within 300 ms and was ended/);
  assert.deepEqual(events, [{ kind: 'process_lost' }]);
  assert.notEqual(session.pid, hung);
});

test('a lost device takes its process along, and a batch that the model refuses does not', async (t) => {
  const { session, events, run } = await stubbed(t, 'm');
  const first = session.pid;
  await assert.rejects(run([STUB.BAD_BATCH]), (error) => !(error instanceof BackendLost));
  assert.equal(session.pid, first);
  await assert.rejects(run([STUB.DEVICE_LOST]), /the device was lost \(CUDA failure 719/);
  assert.deepEqual(events, [{ kind: 'process_lost' }]);
  assert.deepEqual(await run([3]), [6]);
  assert.notEqual(session.pid, first);
});

test('a process that dies again and again is not started for a while, and batches are told to come again', async (t) => {
  const { events, run } = await stubbed(t, 'm');
  for (let death = 0; death < 3; death++) await assert.rejects(run([STUB.CRASH]), BackendLost);
  await assert.rejects(run([1]), (error) => {
    assert.ok(error instanceof BackendLost);
    assert.match(error.message, /again and again: the next one starts in \d+ s/);
    return true;
  });
  assert.equal(events.length, 3);
});

test('a batch that does not fit is halved, answered whole and in order, and later ones are cut without another failure', async (t) => {
  const { events, run } = await stubbed(t, 'room-for-3');
  const rows = Array.from({ length: 11 }, (_, row) => row);
  const doubled = rows.map((row) => row * 2);
  assert.deepEqual(await run(rows), doubled);
  assert.deepEqual(events, [
    { kind: 'out_of_memory', most_rows: 6 },
    { kind: 'out_of_memory', most_rows: 3 },
  ]);
  assert.deepEqual(await run(rows), doubled);
  assert.deepEqual(await run([5]), [10]);
  assert.equal(events.length, 2);
});

test('what does not load is told with what the libraries wrote', async (t) => {
  await assert.rejects(stubbed(t, 'no-device'), /does not load on cuda: .*no CUDA-capable device.*Set device to cpu/s);
  await assert.rejects(stubbed(t, 'crashes-at-load'), /does not load on cuda: the GPU process ended \(exit code 7\)/);
});
