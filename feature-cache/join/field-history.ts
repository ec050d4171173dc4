import type { FeatureUpdate, FeatureValue } from '../../contract/feature-row.js';
import type { HistoryEvent } from './point-in-time.js';

/** Parts stand apart by the zero byte that no part may hold, as in a table: ("a", "bc") is not ("ab", "c"), and 42 is "42". */
export function historyKey(parts: FeatureUpdate['key']): string {
  return parts.map(String).join('\0');
}

/**
 * What updates say of one field. An update that does not name the field is not an event of it: were it one, it would make
 * an old value look young. A null takes the value away as a deletion of the entity does.
 */
export function fieldHistory(updates: readonly FeatureUpdate[], field: string): readonly HistoryEvent<FeatureValue>[] {
  const history: HistoryEvent<FeatureValue>[] = [];
  for (const { key, event_time_us, ingest_time_us, sequence, values, deleted } of updates) {
    const named = values !== undefined && Object.hasOwn(values, field);
    if (!(named || deleted)) continue;
    const value = deleted ? undefined : (values?.[field] ?? undefined);
    history.push({ key: historyKey(key), event_time_us, known_time_us: ingest_time_us, seq: sequence, value });
  }
  return history;
}
