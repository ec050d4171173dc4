import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { type RowFilter, rowConditions } from '../log/rows.js';
import type { ColumnGroup } from './spec-columns.js';

/** Values of some rows of the log, a list for each column: NaN or '' where there is none. */
export interface RowSample {
  readonly columns: readonly (readonly number[] | readonly string[])[];
  /** Rows that were taken, and how many there are. */
  readonly rows: number;
  readonly of: number;
}

/** Numbers that JSON does not have come as text. */
const ValueSchema = z.union([z.number(), z.enum(['nan', '-nan', 'inf', '-inf']).transform((text) => DENORMALS[text])]);
const DENORMALS = {
  nan: Number.NaN,
  '-nan': Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
} as const;
const RowSchema = z.tuple([z.array(ValueSchema), z.array(z.string())]);
const CountSchema = z.array(z.object({ n: z.coerce.number() }));

/** Which rows are taken follows from their keys alone: the same question has the same answer, and no part of the window is preferred. */
const BY_CHANCE = 'cityHash64(node, epoch, seq, row_idx)';

/** At most `limit` rows of a window, evenly by chance. `groups` say where the columns stand in the rows of which version; they name the same columns. */
export async function rowSample(
  client: ClickHouseClient,
  database: string,
  groups: readonly ColumnGroup[],
  filter: RowFilter,
  limit: number,
): Promise<RowSample> {
  const log = `${database}.inference_log`;
  const sources = groups.map(({ version, columns }) => {
    const of = (wanted: string) => columns.filter(({ kind }) => kind === wanted).map(({ value }) => value);
    const text = of('categorical').map((value) => `toString(${value})`);
    const rows = rowConditions({ ...filter, version });
    return `SELECT CAST([${of('numeric').join(', ')}], 'Array(Float64)') AS numbers, CAST([${text.join(', ')}], 'Array(String)') AS texts,
      ${BY_CHANCE} AS chance FROM ${log} WHERE ${rows}`;
  });
  const counted = await client.query({
    query: `SELECT count() AS n FROM ${log} WHERE ${rowConditions(filter)}`,
    format: 'JSONEachRow',
  });
  const [{ n }] = CountSchema.parse(await counted.json());
  const answer = await client.query({
    query: `SELECT numbers, texts FROM (${sources.join(' UNION ALL ')}) ORDER BY chance LIMIT ${limit}`,
    format: 'JSONCompactEachRow',
    clickhouse_settings: { output_format_json_quote_denormals: 1 },
  });
  const { columns } = groups[0];
  const numbers = columns.filter(({ kind }) => kind === 'numeric').map((): number[] => []);
  const texts = columns.filter(({ kind }) => kind === 'categorical').map((): string[] => []);
  let taken = 0;
  for await (const rows of answer.stream()) {
    for (const row of rows) {
      const [found, named] = RowSchema.parse(row.json());
      for (const [i, values] of numbers.entries()) values.push(found[i]);
      for (const [i, values] of texts.entries()) values.push(named[i]);
      taken++;
    }
  }
  let [numeric, categorical] = [0, 0];
  const inOrder = columns.map(({ kind }) => (kind === 'numeric' ? numbers[numeric++] : texts[categorical++]));
  return { columns: inOrder, rows: taken, of: n };
}
