import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tidegate } from '../cli/command.js';
import { seededRandom } from '../harness/seeded-random.js';
import { startStoreProcess } from '../harness/store-process.js';

const SEED = Number(process.env['STORE_CRASH_SEED'] ?? Date.now() % 1_000_000);
const ROUNDS = 5;

test(`no acknowledged row is lost by kill -9, none is there twice (STORE_CRASH_SEED=${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  const store = await startStoreProcess(t);
  await store.client.command({
    query:
      'CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000',
  });
  let next = 0;
  const acknowledged: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const killAfter = 3 + Math.floor(random() * 20);
    let done = 0;
    let killed: Promise<void> | undefined;
    while (killed === undefined || done < killAfter) {
      const a = next;
      const insert = store.client.insert({
        table: 't',
        values: [{ a }],
        format: 'JSONEachRow',
        clickhouse_settings: { insert_deduplication_token: `row-${a}` },
      });
      // In the middle of an insert, most of the time.
      if (done === killAfter - 1)
        killed = new Promise((resolve) => setTimeout(resolve, random() * 4)).then(() => store.kill());
      const isThere = await insert.then(
        () => true,
        () => false,
      );
      done++;
      if (!isThere) break;
      acknowledged.push(a);
      next++;
    }
    await killed;
    await store.restart();
    // The row whose answer was lost is sent again: it may be there already.
    await store.client.insert({
      table: 't',
      values: [{ a: next }],
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `row-${next}` },
    });
    acknowledged.push(next);
    next++;
  }
  const answer = await store.client.query({
    query: 'SELECT toUInt32(a) AS a FROM t ORDER BY a',
    format: 'JSONEachRow',
  });
  const rows = await answer.json<{ a: number }>();
  assert.deepEqual(
    rows.map(({ a }) => a),
    acknowledged,
  );
});

test('one folder has one store: the second says which process has it', async (t) => {
  const { directory, child } = await startStoreProcess(t);
  const { code, stderr } = await tidegate(['store', '--store-port', '0', '--data-dir', directory]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, new RegExp(`is open in process ${child.pid}: use that one by CLICKHOUSE_URL`));
});

test('a port that is taken is an error that names it, the setting, and who has it', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-store-'));
  t.after(() => rm(folder, { recursive: true }));
  const { code, stderr } = await tidegate(['store', '--store-port', String(port), '--data-dir', folder]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, new RegExp(`port ${port} .* is taken by .*${process.pid}.*TIDEGATE_STORE_PORT`));
});

test('a signal ends it with 0 when what runs is finished', async (t) => {
  const { url, child } = await startStoreProcess(t);
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  const slow = fetch(url, { method: 'POST', body: 'SELECT sleep(1)' });
  const started = async () => {
    const answer = await fetch(url, {
      method: 'POST',
      body: "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'",
    });
    return (await answer.text()).trim() === '1';
  };
  while (!(await started()));
  child.kill('SIGTERM');
  assert.equal(await (await slow).text(), '0\n');
  assert.equal(await ended, 0);
});
