import type { Spool } from '../../runtime/predict-log/spool.js';
import { Spool as RealSpool } from '../../runtime/predict-log/spool.js';
import type { SpoolOptions } from '../../runtime/predict-log/spool-options.js';
import { encodeRecord, type PlainRecord, TEST_LAYOUT } from './record-rig.js';

export interface ToldLine {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A spool as a node opens it, and what it said. */
export function openSpool(directory: string, options: Partial<SpoolOptions> = {}): { spool: Spool; told: ToldLine[] } {
  const told: ToldLine[] = [];
  const tell = (fields: Readonly<Record<string, unknown>>, message: string) => void told.push({ fields, message });
  const spool = new RealSpool({
    directory,
    node: 'edge-1',
    epoch: 1_790_000_000_000_000,
    spool_bytes: 64 * 1024 * 1024,
    overflow: 'drop_newest',
    sync: 'never',
    sync_ms: 100,
    log: { info: tell, warn: tell },
    ...options,
  });
  return { spool, told };
}

/** Appends one record; `flush` is the caller's. Returns whether it will be written. */
export function append(spool: Spool, record: PlainRecord): boolean {
  if (!spool.begin(TEST_LAYOUT)) return false;
  encodeRecord(spool.buffer, record);
  return spool.commit();
}

/** A record of one row with as many floats as it takes to be about this long. */
export function recordOf(seq: number, bytes = 256): PlainRecord {
  return {
    rows: 1,
    seq,
    ts_us: 1_790_000_000_000_000 + seq,
    times: [1, 2, 3],
    face: 'http',
    request_id: `request ${seq}`,
    trace_id: '',
    outcome: 'ok',
    variant: 'champion',
    entity_keys: [],
    segments: [],
    num_double: false,
    num: [Array.from({ length: Math.ceil(bytes / 4) }, (_, index) => seq + index)],
    cat: [[]],
    output: [[1]],
    output_text: [[]],
    scores: undefined,
    classes: undefined,
    digests: undefined,
  };
}
