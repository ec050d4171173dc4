import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';
import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { nearestName } from '../../std/nearest-name.js';
import { layoutsOf } from '../log/layouts.js';
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

/** `node`, `version`, `variant`, `source` (where the value of the feature came from), or `segment:<name>`. */
export type Cut = 'node' | 'version' | 'variant' | 'source' | `segment:${string}`;

/** Rows that have no value of the segment. */
export const NO_VALUE = '(none)';

/** Segments that are asked about when nobody names one. */
const MOST_SEGMENTS = 8;
const HOUR_MS = 3_600_000;

const ValuesSchema = z.array(z.object({ value: z.string() }));

/** Which nodes, versions, variants, sources or segments explain the drift of one feature: Shapley parts of its divergence, over coarse bins. */
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
  const column = by === 'source' ? await sourceOf(client, database, filter.model, feature) : columnOf(by);
  const groups = await groupsOf(client, database, filter, { by, ...column }, async (cut) => {
    const { counts } = await windowCounts(client, database, spec, columns, { ...filter, ...cut });
    return featureCounts(bins, countsInOrder(bins, counts[position])).coarse;
  });
  const result = attributeToGroups(featureCounts(bins, bins.reference).coarse, groups);
  const window = { from: new Date(filter.from_ms).toISOString(), to: new Date(filter.to_ms).toISOString() };
  if ('absence' in result) return { feature, by, ...window, attribution: undefined, absence: result.absence };
  return { feature, by, ...window, attribution: result };
}

/** The same for every way to cut the window, one after another: nodes, versions, variants, sources, and each segment that rows have. */
export async function everyAttribution(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  filter: RowFilter,
  feature: string,
): Promise<AttributionReport[]> {
  const segments = await segmentNames(client, database, filter);
  const cuts: readonly Cut[] = [
    'node',
    'version',
    'variant',
    'source',
    ...segments.map((name): Cut => `segment:${name}`),
  ];
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
  cut: CutColumn & { readonly by: Cut },
  count: (cut: Partial<RowFilter>) => Promise<Float64Array>,
): Promise<Group[]> {
  const values = await valuesOf(client, database, filter, cut);
  // The window before its groups: of rows that arrive meanwhile none can be missing from a group, and be taken for one without a value.
  const rest = await count({});
  const groups: Group[] = [];
  for (const value of values) groups.push({ name: value, current: await count(narrowed(cut, value)) });
  const isMore =
    values.length === MOST_EXACT && groups.reduce((sum, { current }) => sum + sumOf(current), 0) < sumOf(rest);
  if (isMore) groups.pop();
  for (const { current } of groups) for (let bin = 0; bin < rest.length; bin++) rest[bin] -= current[bin];
  const others = rest.map((count) => Math.max(0, count));
  return sumOf(others) === 0 ? groups : [...groups, { name: isMore ? OTHERS : NO_VALUE, current: others }];
}

/** What rows are grouped by, and which of them have it. */
interface CutColumn {
  readonly value: string;
  readonly has: string;
}

function columnOf(by: Exclude<Cut, 'source'>): CutColumn {
  if (!by.startsWith('segment:')) return { value: `toString(${by})`, has: '1' };
  const name = quoted(by.slice('segment:'.length));
  return { value: `segment[${name}]`, has: `mapContains(segment, ${name})` };
}

/** Where the values of a feature came from: at the same place of each version's layout. Rows without the feature cache have no sources. */
async function sourceOf(
  client: ClickHouseClient,
  database: string,
  model: string,
  feature: string,
): Promise<CutColumn> {
  const layouts = await layoutsOf(client, database, model);
  const places = layouts.flatMap(({ version, features }) => {
    const at = features.findIndex(({ name }) => name === feature);
    return at < 0 ? [] : [`version = ${version}, toString(feature_source[${at + 1}])`];
  });
  const value = places.length === 0 ? `''` : `multiIf(${places.join(', ')}, '')`;
  return { value, has: `${value} != ''` };
}

/** Largest first. */
async function valuesOf(
  client: ClickHouseClient,
  database: string,
  filter: RowFilter,
  { value, has }: CutColumn,
): Promise<string[]> {
  const answer = await client.query({
    query: `SELECT ${value} AS value FROM ${database}.inference_log WHERE ${rowConditions(filter)} AND ${has}
      GROUP BY value ORDER BY count() DESC, value LIMIT ${MOST_EXACT}`,
    format: 'JSONEachRow',
  });
  return ValuesSchema.parse(await answer.json()).map((row) => row.value);
}

function narrowed({ by, value: column }: CutColumn & { readonly by: Cut }, value: string): Partial<RowFilter> {
  if (by === 'version') return { version: Number(value) };
  if (by === 'node' || by === 'variant') return { [by]: value };
  if (by === 'source') return { condition: `${column} = ${quoted(value)}` };
  return { segment: `${by.slice('segment:'.length)}=${value}` };
}
