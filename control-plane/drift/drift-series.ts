import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { BinSpec } from '../../contract/bin-spec.js';
import { TidegateError } from '../../contract/error.js';
import { type RowFilter, stateConditions } from '../log/rows.js';
import { countsInOrder } from '../reference/edges.js';
import type { VersionColumns } from '../reference/spec-columns.js';
import { valuesOf } from './statistics/binned.js';
import type { Extremes } from './statistics/binned-distance.js';
import type { Measure } from './statistics/measurement.js';
import type { Span } from './window-before.js';
import { type CountedHours, countedHours, isFromStates, windowCounts } from './window-counts.js';

export type Bucket = 'hour' | 'day';

/** How the measure that decides went over the window. */
export interface DriftSeries {
  readonly bucket: Bucket;
  /** Where each bucket begins; the first one where the window does. */
  readonly from: readonly string[];
  /** By feature, a value for each bucket; null where there is none, because nothing or too little was logged. */
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}

/** What a feature of the window is compared with, and by which measure. */
export interface SeriesFeature {
  readonly measure: Measure;
  readonly reference: readonly number[];
  readonly extremes: Extremes | undefined;
}

const STEP_MS = { hour: 3_600_000, day: 86_400_000 } as const;
const MOST_BUCKETS = 200;

const StateSchema = z.object({
  bucket_s: z.number(),
  feature: z.number(),
  bins: z.array(z.number()),
  counts: z.array(z.number()),
});

/** Hours or days of a window, by the clock of UTC; the first and the last may be shorter. Throws INVALID_PARAMETER for too many. */
export function bucketsOf({ from_ms, to_ms }: Span, bucket: Bucket): Span[] {
  const step_ms = STEP_MS[bucket];
  const first_ms = Math.floor(from_ms / step_ms) * step_ms;
  const count = Math.ceil((to_ms - first_ms) / step_ms);
  if (count > MOST_BUCKETS) {
    const hint = bucket === 'hour' ? 'take bucket=day, or a shorter window' : 'take a shorter window';
    const message = `the window has ${count} buckets of one ${bucket}, of at most ${MOST_BUCKETS}: ${hint}`;
    throw new TidegateError('INVALID_PARAMETER', message);
  }
  return Array.from({ length: count }, (_, i) => ({
    from_ms: Math.max(from_ms, first_ms + i * step_ms),
    to_ms: Math.min(to_ms, first_ms + (i + 1) * step_ms),
  }));
}

export interface SeriesQuestion {
  readonly filter: RowFilter;
  readonly bucket: Bucket;
  readonly versions: VersionColumns;
  /** In the order of the reference. */
  readonly features: readonly SeriesFeature[];
  readonly least_samples: number;
}

/** Counts each bucket as `windowCounts` would: all that states have counted in one question, the others one after another from their rows. */
export async function driftSeries(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  { filter, bucket, versions, features, least_samples }: SeriesQuestion,
): Promise<DriftSeries> {
  const buckets = bucketsOf(filter, bucket);
  const series = spec.features.map(() => buckets.map((): number | null => null));
  const measures = features.map(({ measure, reference, extremes }, i) =>
    valuesOf(measure, { bins: spec.features[i], reference, ...(extremes && { extremes }) }, least_samples),
  );
  const put = (feature: number, at: number, counts: ReadonlyMap<number, number>): void => {
    series[feature][at] = measures[feature](countsInOrder(spec.features[feature], counts)) ?? null;
  };
  const hours = await countedHours(client, database, spec, filter);
  const places = new Map<number, number>();
  for (const [at, span] of buckets.entries()) {
    if (isFromStates(span, hours)) places.set(Math.floor(span.from_ms / STEP_MS[bucket]), at);
    else {
      const { counts } = await windowCounts(client, database, spec, versions, { ...filter, ...span });
      for (const feature of series.keys()) put(feature, at, counts[feature]);
    }
  }
  await eachState(client, stateQuery(database, spec, { filter, bucket }, hours), (state) => {
    const at = places.get(Math.floor((state.bucket_s * 1000) / STEP_MS[bucket]));
    if (at === undefined || state.feature >= series.length) return;
    put(state.feature, at, new Map(state.bins.map((bin, i) => [bin, state.counts[i]])));
  });
  const values = Object.fromEntries(spec.features.map(({ feature }, i) => [feature, series[i]]));
  return { bucket, from: buckets.map(({ from_ms }) => new Date(from_ms).toISOString()), values };
}

function stateQuery(
  database: string,
  spec: BinSpec,
  { filter, bucket }: { readonly filter: RowFilter; readonly bucket: Bucket },
  { complete }: CountedHours,
): string | undefined {
  if (complete.size === 0) return undefined;
  const step_s = STEP_MS[bucket] / 1000;
  const list = [...complete].map((hour_ms) => `toDateTime(${hour_ms / 1000}, 'UTC')`).join(', ');
  return `SELECT bucket_s, feature, groupArray(bin) AS bins, groupArray(rows) AS counts FROM (
      SELECT toUInt32(intDiv(toUnixTimestamp(hour), ${step_s}) * ${step_s}) AS bucket_s, feature, bin, toFloat64(sum(n)) AS rows
      FROM ${database}.drift_hist WHERE ${stateConditions(filter)} AND spec_id = ${spec.spec_id} AND hour IN (${list})
      GROUP BY bucket_s, feature, bin)
    GROUP BY bucket_s, feature`;
}

/** One state after another: all of them together can be millions of counts. */
async function eachState(
  client: ClickHouseClient,
  query: string | undefined,
  show: (state: z.infer<typeof StateSchema>) => void,
): Promise<void> {
  if (query === undefined) return;
  const answer = await client.query({ query, format: 'JSONEachRow' });
  for await (const rows of answer.stream()) for (const row of rows) show(StateSchema.parse(row.json()));
}
