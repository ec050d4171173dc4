import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';

const count = z.coerce.number();
const TotalSchema = z.array(z.object({ labels: count }));
const OutcomeSchema = z.array(z.object({ outcome: z.string(), n: count }));

/** How many labels there are, and what became of them. */
export interface LabelSummary {
  /** Different requests, rows and entities that labels came for. */
  readonly labels: number;
  /** Of these, those whose prediction is not in the log: not yet, or never. */
  readonly waiting: number;
  /** Predictions with a label; a request that several versions answered counts for each. */
  readonly joined: number;
  /** Known after the window. */
  readonly late: number;
  /** Those that mean nothing to the version that answered. */
  readonly unusable: number;
}

export async function labelSummary(
  client: ClickHouseClient,
  database: string,
  model: string | undefined,
): Promise<LabelSummary> {
  const rows = async (query: string): Promise<unknown> => (await client.query({ query, format: 'JSONEachRow' })).json();
  const own = model === undefined ? '1' : `model = ${quoted(model)}`;
  const placed = `SELECT label_key FROM ${database}.labelled WHERE kind = 'row' GROUP BY label_key HAVING sum(sign) > 0`;
  const distinct = (where: string) =>
    rows(`SELECT uniqExact(label_key) AS labels FROM ${database}.labels WHERE ${where}`);
  const [all, waiting, outcomes] = await Promise.all([
    distinct(own),
    distinct(`${own} AND label_key NOT IN (${placed})`),
    rows(`SELECT outcome, sum(n) AS n FROM ${database}.label_hist WHERE segment = '' AND ${own} GROUP BY outcome`),
  ]);
  const became = new Map(OutcomeSchema.parse(outcomes).map(({ outcome, n }) => [outcome, n]));
  const of = (outcome: string) => became.get(outcome) ?? 0;
  return {
    labels: TotalSchema.parse(all)[0].labels,
    waiting: TotalSchema.parse(waiting)[0].labels,
    joined: of('joined'),
    late: of('late'),
    unusable: of('unusable'),
  };
}
