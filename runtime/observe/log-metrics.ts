import type { Spool } from '../predict-log/spool.js';
import { zeroCounters } from '../predict-log/spool-options.js';
import { type Exposition, labelText } from './exposition.js';

/** What /metrics says of the prediction log: zeros on a node without one. */
export function exposeLog(out: Exposition, spool: Spool | undefined): void {
  spool?.refresh();
  const counters = spool?.counters ?? zeroCounters();
  const counter = (name: string, help: string, value: number) => out.value(name, 'counter', help, value);
  const gauge = (name: string, help: string, value: number) => out.value(name, 'gauge', help, value);
  counter('tidegate_log_records_total', 'Requests written to the spool', counters.records);
  counter('tidegate_log_bytes_total', 'Bytes written to the spool', counters.bytes);
  out.family(
    'tidegate_log_dropped_total',
    'counter',
    'Requests whose records were dropped',
    Object.entries(counters.dropped).map(([reason, count]) => [labelText({ reason }), count]),
  );
  counter('tidegate_log_writes_total', 'Writes to the spool', counters.writes);
  counter('tidegate_log_syncs_total', 'Times that the spool was forced to the disk', counters.syncs);
  counter('tidegate_log_errors_total', 'Failures of the file system under the spool', counters.errors);
  counter('tidegate_log_torn_bytes_total', 'Bytes of half a record that were cut at the start', counters.torn_bytes);
  gauge('tidegate_log_spool_bytes', 'Bytes that the spool takes', spool?.bytes ?? 0);
  gauge('tidegate_log_spool_segments', 'Segments of the spool', spool?.segments ?? 0);
  gauge(
    'tidegate_log_oldest_ms',
    'Age of the oldest segment with something to ship',
    Math.round(spool?.oldest_ms ?? 0),
  );
}
