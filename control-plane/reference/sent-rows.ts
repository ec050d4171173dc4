import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { classifyFailure } from '../../clickhouse/failure.js';
import { quoted } from '../../clickhouse/table.js';
import { CLASS_FEATURE, SCORE_FEATURE } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { ByteLimit } from '../byte-limit.js';
import type { ReadLayout } from '../log/layouts.js';
import { type FeatureColumn, featureColumns } from './feature-column.js';

/** Files that a reference can be made from, as ClickHouse calls their formats. */
export const FILE_FORMATS: Readonly<Record<string, string>> = {
  'text/csv': 'CSVWithNames',
  'application/x-ndjson': 'JSONEachRow',
  'application/vnd.apache.parquet': 'Parquet',
};

/** Larger training sets are to be sampled before they are sent: edges and shares gain nothing from more. */
export const MOST_FILE_BYTES = 2 ** 31;
const PREFIX = 'reference_rows_';
const HOUR_US = 3_600_000_000;

/** Rows of a file, in a table of its own: columns are named as the features are. */
export interface SentRows {
  readonly table: string;
  readonly columns: readonly FeatureColumn[];
}

/**
 * Lets ClickHouse read a file into a table that is gone again when `use` is done. Nothing of it is held here. Columns that are no features are left out;
 * throws INVALID_REQUEST for a file that cannot be read, or that has no value of a feature.
 */
export async function withSentRows<T>(
  client: ClickHouseClient,
  database: string,
  layout: ReadLayout,
  file: { readonly rows: Readable; readonly format: string },
  use: (sent: SentRows) => Promise<T>,
): Promise<T> {
  await dropForgotten(client, database);
  // What the log keeps of a hashed feature is another value than the one in a file.
  const hashed = new Set(layout.features.flatMap(({ name, privacy }) => (privacy === 'plain' ? [] : [name])));
  const wanted = featureColumns(layout).filter(({ feature }) => !hashed.has(feature));
  const table = `${database}.${PREFIX}${Date.now() * 1000 + Math.floor(Math.random() * 1000)}`;
  const types = wanted.map(({ feature, kind }) => `${identifier(feature)} Nullable(${TYPES[kind]})`);
  if (types.length === 0) {
    throw new TidegateError(
      'INVALID_REQUEST',
      `version ${layout.version} logs no value that a file could be compared with`,
    );
  }
  await client.command({ query: `CREATE TABLE ${table} (${types.join(', ')}) ENGINE = MergeTree ORDER BY tuple()` });
  try {
    await fill(client, table, file);
    return await use({ table, columns: await filledColumns(client, table, wanted) });
  } finally {
    await client.command({ query: `DROP TABLE IF EXISTS ${table}` });
  }
}

const TYPES = { numeric: 'Float64', categorical: 'String' } as const;
const SETTINGS = { input_format_skip_unknown_fields: 1, input_format_null_as_default: 1, async_insert: 0 } as const;

async function fill(
  client: ClickHouseClient,
  table: string,
  { rows, format }: { readonly rows: Readable; readonly format: string },
): Promise<void> {
  const counted = new ByteLimit(MOST_FILE_BYTES);
  const sending = pipeline(rows, counted);
  const taking = client.exec({
    query: `INSERT INTO ${table} FORMAT ${format}`,
    values: counted,
    clickhouse_settings: SETTINGS,
  });
  const [sent, taken] = await Promise.allSettled([sending, taking]);
  if (counted.isBeyond) {
    throw new TidegateError(
      'BODY_TOO_LARGE',
      `the file has more than ${MOST_FILE_BYTES} bytes: send a sample of its rows`,
    );
  }
  if (taken.status === 'fulfilled') {
    taken.value.stream.resume();
    if (sent.status === 'rejected') throw sent.reason;
    return;
  }
  const { kind, message } = classifyFailure(taken.reason);
  if (kind === 'unavailable' || kind === 'access') throw taken.reason;
  const [reason] = message.split('\n');
  throw new TidegateError('INVALID_REQUEST', `the file cannot be read as ${format}: ${reason}`, {
    cause: taken.reason,
  });
}

/** Score and class are optional in a file, features are not. */
async function filledColumns(
  client: ClickHouseClient,
  table: string,
  wanted: readonly FeatureColumn[],
): Promise<readonly FeatureColumn[]> {
  const answer = await client.query({
    query: `SELECT [${wanted.map(({ feature }) => `count(${identifier(feature)})`).join(', ')}] AS filled FROM ${table}`,
    format: 'JSONEachRow',
  });
  const [{ filled }] = z.array(z.object({ filled: z.array(z.coerce.number()) })).parse(await answer.json());
  return wanted.flatMap(({ feature, kind }, i): FeatureColumn[] => {
    const name = identifier(feature);
    if (filled[i] > 0) return [{ feature, kind, value: `ifNull(${name}, ${kind === 'numeric' ? 'nan' : "''"})` }];
    if (feature === SCORE_FEATURE || feature === CLASS_FEATURE) return [];
    const message = `the file has no value of the feature '${feature}': name its columns as the features are (${wanted.map((one) => one.feature).join(', ')})`;
    throw new TidegateError('INVALID_REQUEST', message);
  });
}

/** Tables of requests whose process was killed. */
async function dropForgotten(client: ClickHouseClient, database: string): Promise<void> {
  const answer = await client.query({
    query: `SELECT name FROM system.tables WHERE database = ${quoted(database)} AND startsWith(name, ${quoted(PREFIX)})`,
    format: 'JSONEachRow',
  });
  const oldest_us = Date.now() * 1000 - 24 * HOUR_US;
  for (const { name } of z.array(z.object({ name: z.string() })).parse(await answer.json())) {
    if (Number(name.slice(PREFIX.length)) < oldest_us) {
      await client.command({ query: `DROP TABLE IF EXISTS ${database}.${name}` });
    }
  }
}

function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
