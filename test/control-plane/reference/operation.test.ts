import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { until } from '../../harness/ask.js';
import { appRig } from '../api/app-rig.js';
import { open } from '../drift/logged-model.js';

const ListSchema = z.object({ items: z.array(z.object({ reference_id: z.number() })) });
const ResultSchema = z.object({ reference_id: z.number(), rows: z.number() });

test('a reference is made as an operation, once for a key, and its result is the reference', async (t) => {
  const { log, client } = await open(t, { 1: ['a', 'b'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), random()] });
  const { app, operations, as } = appRig(t, { client });
  const headers = { ...(await as('operator')), prefer: 'respond-async', 'idempotency-key': 'january' };
  const body = JSON.stringify({ window: { from: '5h', to: '1m' } });
  const ask = () => app.request('/v1/models/m/references', { method: 'POST', headers, body });
  const [first, second] = [await ask(), await ask()];
  assert.deepEqual([first.status, second.status], [202, 202]);
  assert.equal(second.headers.get('location'), first.headers.get('location'));
  const [{ id }] = operations.list();
  await until('the operation ends', () => operations.get(id).state !== 'running');
  const { state, result } = operations.get(id);
  assert.equal(state, 'done');
  const made = ResultSchema.parse(result);
  assert.equal(made.rows, 600);
  const listed = ListSchema.parse(await (await app.request('/v1/models/m/references', { headers })).json());
  assert.deepEqual(
    listed.items.map(({ reference_id }) => reference_id),
    [made.reference_id],
  );
});

test('one that is cancelled leaves no reference behind, and one that cannot be made says why', async (t) => {
  const { log, client } = await open(t, { 1: ['a', 'b'] });
  await log({ hour: 0, version: 1, num: (random) => [random(), random()] });
  const { app, operations, as } = appRig(t, { client });
  const headers = { ...(await as('operator')), prefer: 'respond-async' };
  const ask = (from: string, to: string) =>
    app.request('/v1/models/m/references', { method: 'POST', headers, body: JSON.stringify({ window: { from, to } }) });
  await ask('5h', '1m');
  const [{ id }] = operations.list();
  operations.cancel(id);
  await until('it has stopped', () => operations.get(id).state !== 'running');
  assert.equal(operations.get(id).state, 'cancelled');
  const listed = ListSchema.parse(await (await app.request('/v1/models/m/references', { headers })).json());
  assert.deepEqual(listed.items, []);
  await ask('90d', '80d');
  const failed = operations.list()[0];
  await until('it has failed', () => operations.get(failed.id).state === 'failed');
  assert.match(operations.get(failed.id).problem?.detail ?? '', /0 rows of m: a reference needs 100/);
});
