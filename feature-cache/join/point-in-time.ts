/**
 * What was true of an entity at a moment, for every row of a spine. Training that sees a value the
 * model could not have had when it answered learns from the future, so an event counts only from the
 * moment it had both happened and, by default, become known.
 */
export interface HistoryEvent<Value> {
  readonly key: string;
  readonly event_time_us: number;
  readonly known_time_us: number;
  /** Decides between equal event times, and is one event's own within its key. */
  readonly seq: number;
  /** A deletion is undefined: a value may be anything else. */
  readonly value: Value | undefined;
}

export interface SpineRow {
  readonly key: string;
  readonly time_us: number;
}

export interface JoinRule {
  /** `event` also takes what arrived late, which serving could not have known: for analysis, not training. */
  readonly cutoff: 'known' | 'event';
  /** Undefined: values do not age. */
  readonly ttl_us: number | undefined;
}

export type JoinedValue<Value> =
  | { readonly status: 'fresh' | 'stale'; readonly value: Value; readonly age_us: number }
  | { readonly status: 'missing' };

/** The answers lie in the order of the spine. Takes O((h + s) log (h + s)) for h events and s rows. */
export function joinPointInTime<Value>(
  spine: readonly SpineRow[],
  history: readonly HistoryEvent<Value>[],
  rule: JoinRule,
): readonly JoinedValue<Value>[] {
  const events = history
    .map((event) => ({ event, visible_us: visibleFrom(event, rule) }))
    .sort((a, b) => a.visible_us - b.visible_us);
  const rows = spine.map((row, place) => ({ row, place })).sort((a, b) => a.row.time_us - b.row.time_us);
  const latest = new Map<string, HistoryEvent<Value>>();
  const joined = new Array<JoinedValue<Value>>(spine.length);
  let next = 0;
  for (const { row, place } of rows) {
    for (let seen = events[next]; seen !== undefined && seen.visible_us <= row.time_us; seen = events[next]) {
      const held = latest.get(seen.event.key);
      if (held === undefined || isLater(seen.event, held)) latest.set(seen.event.key, seen.event);
      next += 1;
    }
    joined[place] = valueAt(latest.get(row.key), row.time_us, rule.ttl_us);
  }
  return joined;
}

function visibleFrom(event: HistoryEvent<unknown>, rule: JoinRule): number {
  return rule.cutoff === 'known' ? Math.max(event.event_time_us, event.known_time_us) : event.event_time_us;
}

function isLater(one: HistoryEvent<unknown>, other: HistoryEvent<unknown>): boolean {
  if (one.event_time_us !== other.event_time_us) return one.event_time_us > other.event_time_us;
  return one.seq > other.seq;
}

function valueAt<Value>(
  event: HistoryEvent<Value> | undefined,
  time_us: number,
  ttl_us: number | undefined,
): JoinedValue<Value> {
  if (event?.value === undefined) return { status: 'missing' };
  const age_us = time_us - event.event_time_us;
  const stale = ttl_us !== undefined && age_us > ttl_us;
  return { status: stale ? 'stale' : 'fresh', value: event.value, age_us };
}
