import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spoolDirectory } from '../../runtime/predict-log/spool-directory.js';
import { modelFolder, temporaryFolder } from '../harness/checkout.js';
import { startRuntimeProcess } from '../harness/runtime-process.js';
import { type Answered, infer, NODE, recordsIn, startLogging } from './log-rig.js';

const CALLERS = 16;
const row = (data: readonly number[]) => ({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data }] });

for (const fsync of ['interval', 'each']) {
  test(`log_fsync ${fsync}: a node that is killed under load has every record that a caller was told of, once`, async (t) => {
    const models = await modelFolder(t, ['scale']);
    const data_dir = await temporaryFolder(t, 'data');
    const flags = ['--prediction-log', 'on', '--log-fsync', fsync, '--data-dir', data_dir, '--node-name', NODE];
    const told = new Map<string, number>();
    let next = 0;
    for (let life = 0; life < 3; life++) {
      const runtime = await startRuntimeProcess(t, models, flags);
      const enough = told.size + 150 + 70 * life;
      const call = async () => {
        for (;;) {
          const value = next++;
          const answer: Answered | undefined = await infer(runtime.url, 'scale', row([value, 0, 0, 0])).catch(
            () => undefined,
          );
          if (answer === undefined) return;
          assert.notEqual(answer.token, '');
          told.set(answer.token, value);
          // In the middle of whatever the others have in flight.
          if (told.size >= enough) runtime.child.kill('SIGKILL');
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, call));
      assert.equal((await runtime.ended).signal, 'SIGKILL');
    }
    const records = recordsIn(spoolDirectory(data_dir, NODE));
    const found = new Map(records.map((record) => [`${NODE}:${record.epoch}:${record.seq}`, record]));
    assert.equal(found.size, records.length, 'no record is there twice');
    assert.equal(new Set(records.map(({ epoch }) => epoch)).size, 3);
    for (const [token, value] of told) assert.deepEqual(found.get(token)?.num, [[value, 0, 0, 0]], token);
    assert.ok(records.length <= told.size + 3 * CALLERS, 'nobody else was logged than who asked');
  });
}

test('with log_overflow refuse, a full spool refuses requests of logged models with LOG_FULL, and others go on', async (t) => {
  const manifests = { text: { log: { predictions: 'none' } } };
  const options = { log_overflow: 'refuse', log_spool_bytes: 64 * 1024, manifests } as const;
  const runtime = await startLogging(t, ['scale', 'text'], options);
  let answered = 0;
  let last = await infer(runtime.url, 'scale', row([1, 2, 3, 4]));
  for (; last.status === 200 && answered < 1000; answered++)
    last = await infer(runtime.url, 'scale', row([1, 2, 3, 4]));
  assert.deepEqual([last.status, last.body.code, last.token], [503, 'LOG_FULL', '']);
  assert.equal(runtime.records().length, answered);
  const text = { inputs: [{ name: 'x', datatype: 'BYTES', shape: [1, 1], data: ['a'] }] };
  assert.equal((await infer(runtime.url, 'text', text)).status, 200);
  const metrics = await (await fetch(`${runtime.url}/metrics`)).text();
  assert.match(metrics, /^nv_inference_request_failure\{model="scale",version="2",reason="REJECTED"\} 1$/m);
});

test('a second node on the same spool does not start, and says what to do', async (t) => {
  const first = await startLogging(t, ['scale']);
  await assert.rejects(startLogging(t, ['scale'], { data_dir: first.data_dir }), {
    code: 'INVALID_CONFIG',
    message: /is used by process \d+: give each node on a machine its own node_name, or its own data_dir/,
  });
  const other = await startLogging(t, ['scale'], { data_dir: first.data_dir, node_name: 'edge-2' });
  assert.match((await infer(other.url, 'scale', row([1, 2, 3, 4]))).token, /^edge-2:\d+:1$/);
});
