import assert from 'node:assert/strict';
import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLICKHOUSE_DEFAULTS, connect } from '../../../clickhouse/connection.js';
import { startShipper } from '../../../runtime/predict-log/ship/shipper.js';
import { until } from '../../harness/ask.js';
import { startStoreProcess } from '../../harness/store-process.js';
import { append, numbered, shippingOptions, spoolRig } from './ship-rig.js';

test('a shipper whose thread dies is started again, makes the tables that are missing, and ships; outages only hold it up', async (t) => {
  const rig = spoolRig(t);
  const store = await startStoreProcess(t);
  const client = connect({ ...CLICKHOUSE_DEFAULTS, url: store.url, application: 'tidegate test' });
  t.after(() => client.close());
  const rows = async () => {
    const answer = await client.query({
      query: 'SELECT count() AS n FROM tidegate.inference_log',
      format: 'JSONEachRow',
    });
    return JSON.stringify(await answer.json());
  };
  const spool = await rig.life(1_790_000_000_000_000);
  for (let seq = 0; seq < 500; seq++) append(spool, numbered(seq));
  const checkpoint = join(rig.directory, 'shipped.json');
  writeFileSync(checkpoint, 'not what was shipped');
  const warnings: string[] = [];
  const shipper = startShipper({
    shipping: shippingOptions(rig),
    state: spool.state.buffer,
    clickhouse: { ...CLICKHOUSE_DEFAULTS, url: store.url, application: 'tidegate test' },
    target: { database: 'tidegate', cluster: '' },
    program: 'test',
    log: { info: () => {}, warn: ({ reason }) => warnings.push(String(reason)) },
  });
  t.after(() => shipper.stop(0));
  await until('the thread has died', () => shipper.restarts > 0);
  assert.match(warnings.join(), /shipped\.json does not say what was shipped/);
  unlinkSync(checkpoint);
  await until('everything is shipped', () => shipper.status.shipped_rows === 500);
  assert.equal(shipper.status.failures.schema, 0, 'the tables were made before anything was sent');
  assert.equal(await rows(), '[{"n":500}]');
  await store.kill();
  append(spool, numbered(500));
  await until('it waits', () => shipper.status.blocked === 'unavailable');
  await store.restart();
  await until('the last row is shipped', () => shipper.status.shipped_rows === 501);
  append(spool, numbered(501));
  assert.equal(await shipper.stop(10_000), true, 'what was written before the stop is shipped');
  assert.equal(await rows(), '[{"n":502}]');
});
