import { TidegateError } from '../contract/error.js';
import type { ClickHouseClient } from './connection.js';
import type { Migration } from './migration.js';
import { MIGRATIONS } from './migrations/index.js';
import { createDatabase, createTable, type SchemaTarget, type Table } from './table.js';

const applied: Table = {
  name: 'schema_migrations',
  columns: [
    { name: 'number', type: 'UInt32' },
    { name: 'name', type: 'String' },
    { name: 'program', type: 'String', comment: 'version of the program that applied it' },
    { name: 'applied_at', type: "DateTime64(3, 'UTC')", default: 'now64(3)' },
  ],
  engine: 'ReplacingMergeTree',
  engine_args: 'applied_at',
  order_by: 'number',
  sharding_key: 'number',
};

export interface MigrateOptions extends SchemaTarget {
  /** Version of the program, kept beside each step. */
  readonly program: string;
  readonly migrations?: readonly Migration[];
  /** Told of each step that is applied. */
  readonly applied?: (migration: Migration) => void;
}

/**
 * Brings the schema up to this program. Several processes may do so at once: each statement may run any number of times, in any
 * interleaving, and a step is recorded after all of its statements. Throws SCHEMA_NEWER where a newer program was here before.
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<void> {
  const { migrations = MIGRATIONS, program } = options;
  await client.command({ query: createDatabase(options) });
  for (const query of createTable(applied, options)) await client.command({ query });
  const done = await appliedNumbers(client, options.database);
  refuseNewer(done, migrations, options.database);
  for (const migration of migrations) {
    if (done.has(migration.number)) continue;
    for (const query of migration.statements(options)) await client.command({ query });
    await client.insert({
      table: `${options.database}.schema_migrations`,
      values: [{ number: migration.number, name: migration.name, program }],
      format: 'JSONEachRow',
      clickhouse_settings: { insert_deduplication_token: `migration-${migration.number}` },
    });
    options.applied?.(migration);
  }
}

async function appliedNumbers(client: ClickHouseClient, database: string): Promise<Set<number>> {
  const answer = await client.query({
    query: `SELECT DISTINCT number FROM ${database}.schema_migrations`,
    format: 'JSONEachRow',
  });
  const rows = await answer.json<{ number: number }>();
  return new Set(rows.map(({ number }) => number));
}

function refuseNewer(done: ReadonlySet<number>, known: readonly Migration[], database: string): void {
  const newest = Math.max(0, ...done);
  const ours = known.at(-1)?.number ?? 0;
  if (newest <= ours) return;
  const message = `the schema of database '${database}' is at step ${newest}, this program knows ${ours}: use the newer program, or another database`;
  throw new TidegateError('SCHEMA_NEWER', message);
}
