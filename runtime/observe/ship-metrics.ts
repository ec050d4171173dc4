import type { Shipper } from '../predict-log/ship/shipper.js';
import { newStatus } from '../predict-log/ship/status.js';
import { type Exposition, labelText } from './exposition.js';

/** What /metrics says of the way from the spool to ClickHouse: zeros where nothing is shipped. */
export function exposeShipper(out: Exposition, shipper: Shipper | undefined): void {
  const status = shipper?.status ?? newStatus();
  const counter = (name: string, help: string, value: number) =>
    out.value(`tidegate_log_ship_${name}_total`, 'counter', help, value);
  const gauge = (name: string, help: string, value: number) =>
    out.value(`tidegate_log_ship_${name}`, 'gauge', help, value);
  counter('rows', 'Rows that reached ClickHouse', status.shipped_rows);
  counter('batches', 'Batches that reached ClickHouse', status.shipped_batches);
  out.family(
    'tidegate_log_ship_failures_total',
    'counter',
    'Inserts that failed, and were tried again or taken apart',
    Object.entries(status.failures).map(([kind, count]) => [labelText({ kind }), count]),
  );
  counter('dead_letters', 'Rows that ClickHouse refused and that a file keeps', status.dead_letters);
  counter('dead_letters_lost', 'Rows that ClickHouse refused and that no file had room for', status.dead_letters_lost);
  counter('damaged_bytes', 'Bytes of the spool that could not be read', status.damaged_bytes);
  counter('restarts', 'Times that the thread that ships was started again', shipper?.restarts ?? 0);
  gauge('lag_bytes', 'Bytes of the spool that are still to be shipped', status.lag_bytes);
  gauge('lag_ms', 'How long the oldest of them has waited', Math.round(status.lag_ms));
  gauge('blocked', 'Whether ClickHouse takes nothing at the moment', status.blocked === '' ? 0 : 1);
}
