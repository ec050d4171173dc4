import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { nearestName } from '../../std/nearest-name.js';
import { hourConditions, type RowFilter, rowConditions } from '../log/rows.js';
import { countsInOrder } from '../reference/edges.js';
import { specColumns } from '../reference/spec-columns.js';
import { type Attribution, attributeToGroups, type Group, MOST_EXACT, OTHERS } from './statistics/attribution.js';
import { featureCounts } from './statistics/feature-counts.js';
import { sumOf } from './statistics/measurement.js';
import { windowCounts } from './window-counts.js';

export interface AttributionReport {
  readonly feature: string;
  readonly by: string;
  readonly from: string;
  readonly to: string;
  /** undefined: nothing to compare. */
  readonly attribution: Attribution | undefined;
  readonly absence?: 'noData' | 'noReference';
}

/** `node`, `version`, `variant`, or `segment:<name>`. */
export type Cut = 'node' | 'version' | 'variant' | `segment:${string}`;

/** Rows that have no value of the segment. */
export const NO_VALUE = '(none)';

/** Segments that are asked about when nobody names one. */
const MOST_SEGMENTS = 8;
const HOUR_MS = 3_600_000;

const ValuesSchema = z.array(z.object({ value: z.string() }));

/** Which nodes, versions, variants or segments explain the drift of one feature: Shapley parts of its divergence, over coarse bins. */
export async function attributionReport(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  filter: RowFilter,
  { feature, by }: { readonly feature: string; readonly by: Cut },
): Promise<AttributionReport> {
  const position = spec.features.findIndex((bins) => bins.feature === feature);
  if (position < 0) {
    const names = spec.features.map((bins) => bins.feature);
    const nearest = nearestName(feature, names);
    const hint = nearest === undefined ? `it has ${names.join(', ')}` : `did you mean '${nearest}'?`;
    throw new TidegateError('NOT_FOUND', `the reference has no feature '${feature}': ${hint}`);
  }
  const columns = await specColumns(client, database, spec, filter);
  const bins = spec.features[position];
  const groups = await groupsOf(client, database, filter, by, async (cut) => {
    const { counts } = await windowCounts(client, database, spec, columns, { ...filter, ...cut });
    return featureCounts(bins, countsInOrder(bins, counts[position])).coarse;
  });
  const result = attributeToGroups(featureCounts(bins, bins.reference).coarse, groups);
  const window = { from: new Date(filter.from_ms).toISOString(), to: new Date(filter.to_ms).toISOString() };
  if ('absence' in result) return { feature, by, ...window, attribution: undefined, absence: result.absence };
  return { feature, by, ...window, attribution: result };
}

/** The same for every way to cut the window, one after another: nodes, versions, variants, and each segment that rows have. */
export async function everyAttribution(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  filter: RowFilter,
  feature: string,
): Promise<AttributionReport[]> {
  const segments = await segmentNames(client, database, filter);
  const cuts: readonly Cut[] = ['node', 'version', 'variant', ...segments.map((name): Cut => `segment:${name}`)];
  const reports: AttributionReport[] = [];
  for (const by of cuts) reports.push(await attributionReport(client, database, spec, filter, { feature, by }));
  return reports;
}

/** From states, of the hours that the window touches: the names that most rows have. */
async function segmentNames(client: ClickHouseClient, database: string, filter: RowFilter): Promise<string[]> {
  const hours = {
    from_ms: Math.floor(filter.from_ms / HOUR_MS) * HOUR_MS,
    to_ms: Math.ceil(filter.to_ms / HOUR_MS) * HOUR_MS,
  };
  const answer = await client.query({
    query: `SELECT splitByChar('=', segment, 2)[1] AS value FROM ${database}.score_hist
      WHERE ${hourConditions({ ...filter, ...hours })} AND segment != '' GROUP BY value ORDER BY sum(n) DESC, value LIMIT ${MOST_SEGMENTS}`,
    format: 'JSONEachRow',
  });
  return ValuesSchema.parse(await answer.json()).map(({ value }) => value);
}

/** The largest groups, and the rows of the window that are in none of them: together they are the window, so that parts can add up to its drift. */
async function groupsOf(
  client: ClickHouseClient,
  database: string,
  filter: RowFilter,
  by: Cut,
  count: (cut: Partial<RowFilter>) => Promise<Float64Array>,
): Promise<Group[]> {
  const values = await valuesOf(client, database, filter, by);
  // The window before its groups: of rows that arrive meanwhile none can be missing from a group, and be taken for one without a value.
  const rest = await count({});
  const groups: Group[] = [];
  for (const value of values) groups.push({ name: value, current: await count(narrowed(by, value)) });
  const isMore =
    values.length === MOST_EXACT && groups.reduce((sum, { current }) => sum + sumOf(current), 0) < sumOf(rest);
  if (isMore) groups.pop();
  for (const { current } of groups) for (let bin = 0; bin < rest.length; bin++) rest[bin] -= current[bin];
  const others = rest.map((count) => Math.max(0, count));
  return sumOf(others) === 0 ? groups : [...groups, { name: isMore ? OTHERS : NO_VALUE, current: others }];
}

/** Largest first. */
async function valuesOf(client: ClickHouseClient, database: string, filter: RowFilter, by: Cut): Promise<string[]> {
  const name = by.startsWith('segment:') ? quoted(by.slice('segment:'.length)) : undefined;
  const column = name === undefined ? `toString(${by})` : `segment[${name}]`;
  const has = name === undefined ? '' : ` AND mapContains(segment, ${name})`;
  const answer = await client.query({
    query: `SELECT ${column} AS value FROM ${database}.inference_log WHERE ${rowConditions(filter)}${has}
      GROUP BY value ORDER BY count() DESC, value LIMIT ${MOST_EXACT}`,
    format: 'JSONEachRow',
  });
  return ValuesSchema.parse(await answer.json()).map(({ value }) => value);
}

function narrowed(by: Cut, value: string): Partial<RowFilter> {
  if (by === 'version') return { version: Number(value) };
  if (by === 'node' || by === 'variant') return { [by]: value };
  return { segment: `${by.slice('segment:'.length)}=${value}` };
}
