import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Session } from 'chdb';
import { MIGRATIONS } from '../../clickhouse/migrations/index.js';
import { DEDUPLICATION_WINDOW, type SchemaTarget } from '../../clickhouse/table.js';
import { LOG_COLUMNS } from '../../contract/prediction-record.js';

// The engine itself reads every statement. It is used without its HTTP interface here: nothing of what follows depends on that.
const folder = await mkdtemp(join(tmpdir(), 'tidegate-migrations-'));
const session = new Session(folder);
after(async () => {
  session.close();
  await rm(folder, { recursive: true });
});

const ONE: SchemaTarget = { database: 'tidegate', cluster: '' };
const CLUSTER: SchemaTarget = { database: 'tidegate', cluster: 'edge' };

async function rows(query: string): Promise<Record<string, unknown>[]> {
  const text = (await session.queryAsync(query, { format: 'JSONEachRow' })).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const statements = (target: SchemaTarget) => MIGRATIONS.flatMap((migration) => migration.statements(target));

await session.queryAsync('CREATE DATABASE tidegate');
for (const statement of statements(ONE)) await session.queryAsync(statement);

test('the steps are numbered from 1 without gaps', () => {
  assert.deepEqual(
    MIGRATIONS.map(({ number }) => number),
    MIGRATIONS.map((_, i) => i + 1),
  );
});

test('every statement may run again', async () => {
  const before = await rows(
    'SELECT name, create_table_query FROM system.tables WHERE database = $$tidegate$$ ORDER BY name',
  );
  for (const statement of statements(ONE)) await session.queryAsync(statement);
  const again = await rows(
    'SELECT name, create_table_query FROM system.tables WHERE database = $$tidegate$$ ORDER BY name',
  );
  assert.deepEqual(again, before);
});

test('inference_log has the columns of the contract, in their order and with their types', async () => {
  const columns = await rows(
    'SELECT name, type FROM system.columns WHERE database = $$tidegate$$ AND table = $$inference_log$$ ORDER BY position',
  );
  assert.deepEqual(
    columns.slice(0, LOG_COLUMNS.length),
    LOG_COLUMNS.map(({ name, type }) => ({ name, type })),
  );
});

test('every table that inserts reach remembers their tokens, or a retry would count twice there', async () => {
  const tables = await rows(
    "SELECT name, engine_full FROM system.tables WHERE database = 'tidegate' AND engine LIKE '%MergeTree'",
  );
  assert.ok(tables.length >= 6);
  for (const { name, engine_full } of tables) {
    assert.match(
      String(engine_full),
      new RegExp(`non_replicated_deduplication_window = ${DEDUPLICATION_WINDOW}`),
      String(name),
    );
  }
});

test('for a cluster the same tables are replicated, with a distributed one before each; the engine reads the SQL', async () => {
  const cluster = statements(CLUSTER);
  for (const statement of cluster) {
    assert.match(statement, /ON CLUSTER 'edge'/);
    // Parsed to its syntax tree by ClickHouse, not run: there is no cluster here.
    await session.queryAsync(`EXPLAIN AST ${statement}`);
  }
  const tables = await rows("SELECT name FROM system.tables WHERE database = 'tidegate' AND engine LIKE '%MergeTree'");
  for (const { name } of tables) {
    const local = cluster.find((statement) =>
      statement.startsWith(`CREATE TABLE IF NOT EXISTS tidegate.${name}_local ON CLUSTER`),
    );
    assert.match(
      local ?? '',
      new RegExp(
        `ENGINE = Replicated\\w*MergeTree\\('/clickhouse/tables/\\{shard\\}/tidegate/${name}', '\\{replica\\}'`,
      ),
    );
    assert.match(local ?? '', / replicated_deduplication_window = /);
    const spread = cluster.find((statement) =>
      statement.startsWith(`CREATE TABLE IF NOT EXISTS tidegate.${name} ON CLUSTER`),
    );
    assert.match(spread ?? '', new RegExp(`ENGINE = Distributed\\('edge', 'tidegate', '${name}_local', `));
  }
});

test('for a cluster a view reads what its server got, and adds it up there', () => {
  const views = statements(CLUSTER).filter((statement) => statement.startsWith('CREATE MATERIALIZED VIEW'));
  assert.ok(views.length >= 4);
  for (const view of views) {
    assert.match(view, / TO tidegate\.\w+_local AS /);
    assert.match(view, /FROM tidegate\.\w+_local\b/);
  }
});

const KEYS = "'n', 1, number, toUInt32(0), toString(number), 'm', 1, 'champion'";
const COLUMNS =
  '(ts, node, epoch, seq, row_idx, request_id, model, version, variant, outcome, segment, num, score, class, spec_id, bins, share)';

/** 3,000 rows of two features in three segments, as one insert with `token`. */
function insert(token: string): Promise<unknown> {
  return session.queryAsync(`INSERT INTO tidegate.inference_log ${COLUMNS}
    SETTINGS insert_deduplication_token = '${token}', async_insert = 0, deduplicate_blocks_in_dependent_materialized_views = 1
    SELECT now64(6, 'UTC'), ${KEYS}, 'ok', map('carrier', ['AA', 'DL', 'UA'][number % 3 + 1]),
      [number, nan], number / 3000, 'late', 7, [number % 30, number % 7], 1 FROM numbers(3000)`);
}

test('an insert that is sent again counts once, in the table and in every state; each segment and all of them are counted', async () => {
  for (const token of ['a', 'a', 'b', 'a', 'b']) await insert(token);
  assert.deepEqual(await rows('SELECT toUInt32(count()) AS n FROM tidegate.inference_log'), [{ n: 6000 }]);
  const parts = (each: number) => [
    { segment: '', n: each * 3 },
    { segment: 'carrier=AA', n: each },
    { segment: 'carrier=DL', n: each },
    { segment: 'carrier=UA', n: each },
  ];
  const sum = (table: string, where = '1') =>
    rows(
      `SELECT segment, toUInt32(sum(n)) AS n FROM tidegate.${table} WHERE ${where} GROUP BY segment ORDER BY segment`,
    );
  assert.deepEqual(await sum('score_hist'), parts(2000));
  assert.deepEqual(await sum('drift_num'), parts(2000));
  assert.deepEqual(await sum('drift_hist', 'feature = 0'), parts(2000));
  assert.deepEqual(await sum('drift_hist', 'feature = 1'), parts(2000));
  assert.deepEqual(await rows('SELECT outcome, toUInt32(sum(n)) AS n FROM tidegate.outcome_hist GROUP BY outcome'), [
    { outcome: 'ok', n: 6000 },
  ]);
});

test('the bins of the states are those of the rows, one by one', async () => {
  const counted = await rows(
    'SELECT feature, bin, toUInt32(sum(n)) AS n FROM tidegate.drift_hist WHERE segment = $$$$ GROUP BY feature, bin ORDER BY feature, bin',
  );
  const expected = await rows(
    'SELECT toUInt16(position - 1) AS feature, bin, toUInt32(count()) AS n FROM tidegate.inference_log ARRAY JOIN bins AS bin, arrayEnumerate(bins) AS position GROUP BY feature, bin ORDER BY feature, bin',
  );
  assert.equal(counted.length, 37);
  assert.deepEqual(counted, expected);
});
