import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { FeatureBins } from '../../contract/bin-spec.js';
import { binExpression } from './bin-expression.js';
import type { FeatureColumn } from './feature-column.js';

const CountSchema = z.object({ feature: z.number(), bin: z.number(), n: z.coerce.number() });

/** What a million rows of 32 features need at most; statements of many edges are long. */
const MOST_STATEMENT_BYTES = 1024 * 1024;

/** Rows by bin, counted from the values themselves: for windows that no state covers. `source` stands behind FROM. One map for each column. */
export async function binCounts(
  client: ClickHouseClient,
  source: string,
  columns: readonly FeatureColumn[],
  bins: readonly FeatureBins[],
): Promise<ReadonlyMap<number, number>[]> {
  const expressions = columns.map(({ value }, i) => binExpression(bins[i], value));
  const query = `SELECT toUInt16(position - 1) AS feature, bin, count() AS n
    FROM (SELECT [${expressions.join(', ')}] AS all FROM ${source})
    ARRAY JOIN all AS bin, arrayEnumerate(all) AS position GROUP BY feature, bin`;
  const answer = await client.query({
    query,
    format: 'JSONEachRow',
    clickhouse_settings: {
      max_query_size: String(MOST_STATEMENT_BYTES),
      max_ast_elements: '1000000',
      max_expanded_ast_elements: '1000000',
    },
  });
  return byFeature(z.array(CountSchema).parse(await answer.json()), columns.length);
}

/** The same from rows of (feature, bin, n) that were counted elsewhere. */
export function byFeature(
  rows: readonly { readonly feature: number; readonly bin: number; readonly n: number }[],
  features: number,
): Map<number, number>[] {
  const counts = Array.from({ length: features }, () => new Map<number, number>());
  for (const { feature, bin, n } of rows) {
    const counted = counts[feature];
    counted?.set(bin, (counted.get(bin) ?? 0) + n);
  }
  return counts;
}
