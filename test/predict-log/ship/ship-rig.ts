import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClickHouseError } from '@clickhouse/client';
import type { BinSpec } from '../../../contract/bin-spec.js';
import type { LogLayout } from '../../../contract/prediction-record.js';
import type { LogStore, SeenRows } from '../../../runtime/predict-log/ship/log-store.js';
import { Shipping, type ShippingOptions } from '../../../runtime/predict-log/ship/shipping.js';
import { Spool } from '../../../runtime/predict-log/spool.js';
import type { Cleanup } from '../../harness/checkout.js';
import { readNativeBlock } from '../../harness/native-block.js';
import { encodeRecord, type PlainRecord, TEST_LAYOUT } from '../record-rig.js';

export interface ShippedRow {
  readonly epoch: number;
  readonly seq: number;
  readonly row_idx: number;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** What the store does with one insert. `lost`: done, and nobody hears of it. `killed`: the shipper ends before it hears. */
export type Fate = 'done' | 'refused' | 'lost' | 'killed before' | 'killed after';

/** A store in memory that keeps the promise of tokens: what it has seen under one is not added again. */
export class MemoryStore implements LogStore {
  readonly rows: ShippedRow[] = [];
  readonly tokens = new Set<string>();
  readonly layouts: LogLayout[] = [];
  known: BinSpec[] = [];
  /** Values that are refused. */
  poison: (row: ShippedRow) => boolean = () => false;
  /** Thrown by every insert while it is set. */
  failure: Error | undefined;
  migrations = 0;
  /** What `seen` says of the inserts of others. */
  inserts_since = 0;
  fate: () => Fate = () => 'done';
  killed: () => void = () => {};

  async insert(pieces: readonly Uint8Array[], token: string): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    const rows = readNativeBlock(Buffer.concat(pieces)).map(shippedRow);
    const fate = this.fate();
    if (fate === 'killed before') return this.#kill();
    if (fate === 'refused') throw clickhouseError('252', 'TOO_MANY_PARTS');
    if (rows.some(this.poison)) throw clickhouseError('469', 'VIOLATED_CONSTRAINT');
    if (!this.tokens.has(token)) this.rows.push(...rows);
    this.tokens.add(token);
    if (fate === 'lost') throw new Error('socket hang up');
    if (fate === 'killed after') await this.#kill();
  }

  async insertLayout(layout: LogLayout): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.layouts.push(layout);
  }

  seen(_node: string, epoch: number, first: number, last: number): Promise<SeenRows> {
    const rows = this.rows.filter((row) => row.epoch === epoch && row.seq >= first && row.seq <= last).length;
    return Promise.resolve({ rows, inserts_since: this.inserts_since });
  }

  specs(): Promise<readonly BinSpec[]> {
    return Promise.resolve(this.known);
  }

  migrate(): Promise<void> {
    this.migrations++;
    return Promise.resolve();
  }

  /** The shipper never hears of it again, as if its process had ended here. */
  #kill(): Promise<never> {
    this.killed();
    return new Promise(() => {});
  }
}

export function clickhouseError(code: string, type: string): ClickHouseError {
  return new ClickHouseError({ message: `${type} of a test`, code, type });
}

function shippedRow(columns: Record<string, unknown>): ShippedRow {
  return { epoch: Number(columns.epoch), seq: Number(columns.seq), row_idx: Number(columns.row_idx), columns };
}

const QUIET = { info: () => {}, warn: () => {} };

export interface SpoolRig {
  readonly directory: string;
  readonly dead_letters: string;
  /** A life of the node begins; the one before has ended. */
  life(epoch: number, spool_bytes?: number): Promise<Spool>;
}

export function spoolRig(t: Cleanup): SpoolRig {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-ship-'));
  const directory = join(folder, 'spool');
  let current: Spool | undefined;
  t.after(async () => {
    await current?.close();
    rmSync(folder, { recursive: true });
  });
  return {
    directory,
    dead_letters: join(folder, 'dead-letter'),
    async life(epoch, spool_bytes = 64 * 1024 * 1024) {
      await current?.close();
      const sync = { sync: 'never', sync_ms: 1000 } as const;
      current = new Spool({
        directory,
        node: 'edge-1',
        epoch,
        spool_bytes,
        overflow: 'drop_newest',
        ...sync,
        log: QUIET,
      });
      return current;
    },
  };
}

export function append(spool: Spool, record: PlainRecord, layout = TEST_LAYOUT): void {
  if (!spool.begin(layout)) throw new Error('the spool takes nothing');
  encodeRecord(spool.buffer, record);
  if (!spool.commit() || !spool.flush()) throw new Error('the spool took nothing');
}

/** A record whose values tell which one it is. */
export function numbered(seq: number, rows = 1): PlainRecord {
  const each = <T>(make: (row: number) => T): T[] => Array.from({ length: rows }, (_, row) => make(row));
  return {
    seq,
    ts_us: 1_790_000_000_000_000 + seq,
    times: [1, 2, 3],
    face: 'http',
    request_id: `r${seq}`,
    trace_id: '',
    outcome: 'ok',
    variant: 'champion',
    entity_keys: [],
    segments: [],
    num_double: false,
    num: each((row) => [seq, row, 0.5]),
    cat: each(() => []),
    output: each(() => [seq]),
    output_text: each(() => []),
    scores: each(() => 0.25),
    classes: each((row) => row % 3),
    digests: undefined,
    rows,
  };
}

export function shippingOptions({ directory, dead_letters }: SpoolRig): ShippingOptions {
  const limits = { rows: 50, bytes: 1024 * 1024 };
  return {
    directory,
    dead_letters,
    dead_letter_bytes: 1024 * 1024,
    limits,
    ship_ms: 1,
    yield_bytes: 0,
    rows_per_s: 0,
    spec_poll_ms: 0,
  };
}

export function shippingOf(
  rig: SpoolRig,
  spool: Spool,
  store: LogStore,
  options: Partial<ShippingOptions> = {},
): Shipping {
  const settled = { ...shippingOptions(rig), ...options };
  return new Shipping(settled, spool.state, store, { changed: () => {}, failed: () => {} }, () => 1);
}
