import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { type RowFilter, stateConditions } from '../log/rows.js';
import type { VersionColumns } from '../reference/spec-columns.js';
import type { Extremes } from './statistics/binned-distance.js';

const HOUR_MS = 3_600_000;
/** null: no finite value. */
const RowsSchema = z.array(
  z.object({ version: z.number(), least: z.array(z.number().nullable()), greatest: z.array(z.number().nullable()) }),
);

/**
 * Least and greatest finite value of each feature of the reference, undefined where nobody kept them (text, scores). Of the hours that the window touches: what is
 * wider than the window makes a stated error larger, never wrong.
 */
export async function windowExtremes(
  client: ClickHouseClient,
  database: string,
  versions: VersionColumns,
  filter: RowFilter,
): Promise<readonly (Extremes | undefined)[]> {
  const hours = {
    from_ms: Math.floor(filter.from_ms / HOUR_MS) * HOUR_MS,
    to_ms: Math.ceil(filter.to_ms / HOUR_MS) * HOUR_MS,
  };
  const answer = await client.query({
    query: `SELECT version, minForEachMerge(least) AS least, maxForEachMerge(greatest) AS greatest
      FROM ${database}.drift_num WHERE ${stateConditions({ ...filter, ...hours })} GROUP BY version`,
    format: 'JSONEachRow',
  });
  const rows = RowsSchema.parse(await answer.json());
  const [first] = versions.values();
  return first.map((_, i) =>
    rows.reduce<Extremes | undefined>((known, { version, least, greatest }) => {
      const position = versions.get(version)?.[i].position;
      const [low, high] = position === undefined ? [null, null] : [least[position] ?? null, greatest[position] ?? null];
      return low === null || high === null ? known : widest(known, { least: low, greatest: high });
    }, undefined),
  );
}

/** Of two windows. */
export function widest(one: Extremes | undefined, other: Extremes | undefined): Extremes | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return { least: Math.min(one.least, other.least), greatest: Math.max(one.greatest, other.greatest) };
}
