/** Where a schema is made: one server, or a cluster whose tables are replicated and spread. */
export interface SchemaTarget {
  readonly database: string;
  /** Name of the cluster in the server's configuration; '': one server. */
  readonly cluster: string;
}

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly codec?: string;
  readonly default?: string;
  readonly comment?: string;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** MergeTree, SummingMergeTree, AggregatingMergeTree or ReplacingMergeTree. */
  readonly engine: string;
  /** Arguments of the engine: columns that are summed, the version that wins. */
  readonly engine_args?: string;
  readonly order_by: string;
  readonly partition_by?: string;
  readonly ttl?: string;
  /** Secondary indexes: `INDEX name expression TYPE …`. */
  readonly indexes?: readonly string[];
  readonly settings?: Readonly<Record<string, string | number>>;
  /** On a cluster: which shard a row belongs to. Must depend on the row alone, or a retried insert would reach another shard. */
  readonly sharding_key: string;
}

export interface View {
  readonly name: string;
  readonly to: string;
  /** A SELECT; `{source}` in it is the table whose inserts it follows. */
  readonly source: string;
  readonly select: string;
}

/** Inserts that are remembered by their token: a retry within so many inserts of the same table adds nothing. */
export const DEDUPLICATION_WINDOW = 10_000;

/** Statements that make a table, each of which may run any number of times. */
export function createTable(table: Table, target: SchemaTarget): string[] {
  if (target.cluster === '') return [localTable(table, target.database, table.name, '')];
  const { database, cluster } = target;
  const on = ` ON CLUSTER ${quoted(cluster)}`;
  const local = localTable(table, database, localName(table.name), on);
  const spread = `CREATE TABLE IF NOT EXISTS ${database}.${table.name}${on} AS ${database}.${localName(table.name)} ENGINE = Distributed(${quoted(cluster)}, ${quoted(database)}, ${quoted(localName(table.name))}, ${table.sharding_key})`;
  return [local, spread];
}

/** On a cluster views stand between the tables of one server: a block is added up where it lands. */
export function createView(view: View, { database, cluster }: SchemaTarget): string {
  const on = cluster === '' ? '' : ` ON CLUSTER ${quoted(cluster)}`;
  const place = (name: string) => `${database}.${cluster === '' ? name : localName(name)}`;
  const select = view.select.replaceAll('{source}', place(view.source));
  return `CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.${view.name}${on} TO ${place(view.to)} AS ${select}`;
}

export function createDatabase({ database, cluster }: SchemaTarget): string {
  return `CREATE DATABASE IF NOT EXISTS ${database}${cluster === '' ? '' : ` ON CLUSTER ${quoted(cluster)}`}`;
}

/** A column that comes later. On a cluster the table that spreads must know it too. */
export function addColumn(table: string, column: Column, { database, cluster }: SchemaTarget): string[] {
  const names = cluster === '' ? [table] : [localName(table), table];
  const on = cluster === '' ? '' : ` ON CLUSTER ${quoted(cluster)}`;
  return names.map((name) => `ALTER TABLE ${database}.${name}${on} ADD COLUMN IF NOT EXISTS ${columnText(column)}`);
}

export function localName(table: string): string {
  return `${table}_local`;
}

function localTable(table: Table, database: string, name: string, on: string): string {
  const replicated = on !== '';
  const engineArgs = [
    ...(replicated ? [quoted(`/clickhouse/tables/{shard}/${database}/${table.name}`), quoted('{replica}')] : []),
    ...(table.engine_args === undefined ? [] : [table.engine_args]),
  ];
  const window = replicated ? 'replicated_deduplication_window' : 'non_replicated_deduplication_window';
  const settings = { [window]: DEDUPLICATION_WINDOW, ...table.settings };
  const lines = [
    `CREATE TABLE IF NOT EXISTS ${database}.${name}${on}`,
    `(\n  ${[...table.columns.map(columnText), ...(table.indexes ?? [])].join(',\n  ')}\n)`,
    `ENGINE = ${replicated ? 'Replicated' : ''}${table.engine}(${engineArgs.join(', ')})`,
    ...(table.partition_by === undefined ? [] : [`PARTITION BY ${table.partition_by}`]),
    `ORDER BY ${table.order_by}`,
    ...(table.ttl === undefined ? [] : [`TTL ${table.ttl}`]),
    `SETTINGS ${Object.entries(settings)
      .map(([key, value]) => `${key} = ${value}`)
      .join(', ')}`,
  ];
  return lines.join('\n');
}

function columnText({ name, type, codec, default: value, comment }: Column): string {
  const parts = [name, type];
  if (value !== undefined) parts.push(`DEFAULT ${value}`);
  if (comment !== undefined) parts.push(`COMMENT ${quoted(comment)}`);
  if (codec !== undefined) parts.push(`CODEC(${codec})`);
  return parts.join(' ');
}

/** Text as a literal of ClickHouse. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
