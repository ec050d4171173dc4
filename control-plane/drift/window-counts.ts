import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import type { BinSpec } from '../../contract/bin-spec.js';
import { logRows, type RowFilter, stateConditions } from '../log/rows.js';
import { binCounts, byFeature } from '../reference/bin-counts.js';
import { columnGroups, type VersionColumns } from '../reference/spec-columns.js';
import type { Span } from './window-before.js';

const HOUR_MS = 3_600_000;

const StateSchema = z.object({ feature: z.number(), bin: z.number(), n: z.coerce.number() });
const HourSchema = z.object({ hour_s: z.coerce.number(), n: z.coerce.number() });

export interface WindowCounts {
  /** By feature of the spec, by bin. */
  readonly counts: readonly ReadonlyMap<number, number>[];
  /** Whole hours that were read from states, and stretches that were counted from their rows. */
  readonly state_hours: number;
  readonly counted_spans: number;
}

/** Whole hours of a window whose states are complete, and the stretches between and around them. */
export function splitWindow(
  { from_ms, to_ms }: Span,
  complete: ReadonlySet<number>,
): { readonly hours: number[]; readonly rest: Span[] } {
  const hours: number[] = [];
  const rest: Span[] = [];
  let from = from_ms;
  for (let hour = Math.ceil(from_ms / HOUR_MS) * HOUR_MS; hour + HOUR_MS <= to_ms; hour += HOUR_MS) {
    if (!complete.has(hour)) continue;
    if (from < hour) rest.push({ from_ms: from, to_ms: hour });
    hours.push(hour);
    from = hour + HOUR_MS;
  }
  if (from < to_ms) rest.push({ from_ms: from, to_ms });
  return { hours, rest };
}

/**
 * Rows of a window by feature and bin. Whole hours come from the states where these have counted every row of the hour with this reference; what
 * they have not (rows from before the reference, parts of hours, a node that had not heard of it yet) is counted from the rows themselves.
 */
export async function windowCounts(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  versions: VersionColumns,
  filter: RowFilter,
): Promise<WindowCounts> {
  const rows = async (query: string): Promise<unknown> => (await client.query({ query, format: 'JSONEachRow' })).json();
  const states = statesOf(database, spec, filter);
  const { total, complete } = await countedHours(client, database, spec, filter);
  const { hours, rest } = splitWindow(filter, complete);
  const parts: ReadonlyMap<number, number>[][] = [];
  if (hours.length > 0) {
    const list = hours.map((hour) => `toDateTime(${hour / 1000}, 'UTC')`).join(', ');
    const found = await rows(
      `SELECT feature, bin, sum(n) AS n FROM ${states} AND hour IN (${list}) GROUP BY feature, bin`,
    );
    parts.push(byFeature(z.array(StateSchema).parse(found), spec.features.length));
  }
  const spans = rest.filter((span) => isCounted(span, total));
  for (const span of spans) {
    for (const { version, columns } of columnGroups(versions, filter)) {
      const source = logRows(database, { ...filter, ...span, version });
      parts.push(await binCounts(client, source, columns, spec.features));
    }
  }
  return { counts: added(parts, spec.features.length), state_hours: hours.length, counted_spans: spans.length };
}

/** Hours of a window in which somebody answered. */
export interface CountedHours {
  /** Rows by the beginning of the hour, in seconds. */
  readonly total: ReadonlyMap<number, number>;
  /** Beginnings, in milliseconds, of hours whose every row the states have counted with the reference. */
  readonly complete: ReadonlySet<number>;
}

export async function countedHours(
  client: ClickHouseClient,
  database: string,
  spec: BinSpec,
  filter: RowFilter,
): Promise<CountedHours> {
  const perHour = async (source: string) => {
    const query = `SELECT toUnixTimestamp(hour) AS hour_s, sum(n) AS n FROM ${source} GROUP BY hour`;
    const answer = await client.query({ query, format: 'JSONEachRow' });
    return z.array(HourSchema).parse(await answer.json());
  };
  const [all, counted] = await Promise.all([
    perHour(`${database}.score_hist WHERE ${stateConditions(filter)}`),
    perHour(`${statesOf(database, spec, filter)} AND feature = 0`),
  ]);
  const total = new Map(all.map(({ hour_s, n }) => [hour_s, n]));
  // States are not cut by a condition: then no hour is complete.
  const complete = filter.condition === undefined ? counted.filter(({ hour_s, n }) => total.get(hour_s) === n) : [];
  return { total, complete: new Set(complete.map(({ hour_s }) => hour_s * 1000)) };
}

/** Whether no row of a stretch has to be counted from the log. */
export function isFromStates(span: Span, { total, complete }: CountedHours): boolean {
  return splitWindow(span, complete).rest.every((rest) => !isCounted(rest, total));
}

function statesOf(database: string, spec: BinSpec, filter: RowFilter): string {
  return `${database}.drift_hist WHERE ${stateConditions(filter)} AND spec_id = ${spec.spec_id}`;
}

function isCounted(span: Span, total: ReadonlyMap<number, number>): boolean {
  return hasRows(span, total) || isPartial(span);
}

/** Hours without any row need no look at the log. */
function hasRows({ from_ms, to_ms }: Span, total: ReadonlyMap<number, number>): boolean {
  return [...total.keys()].some((hour_s) => hour_s * 1000 < to_ms && (hour_s + 3600) * 1000 > from_ms);
}

function isPartial({ from_ms, to_ms }: Span): boolean {
  return from_ms % HOUR_MS !== 0 || to_ms % HOUR_MS !== 0;
}

function added(
  parts: readonly (readonly ReadonlyMap<number, number>[])[],
  features: number,
): ReadonlyMap<number, number>[] {
  return Array.from({ length: features }, (_, feature) => {
    const sum = new Map<number, number>();
    for (const part of parts) for (const [bin, n] of part[feature]) sum.set(bin, (sum.get(bin) ?? 0) + n);
    return sum;
  });
}
