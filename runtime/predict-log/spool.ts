import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { TidegateError } from '../../contract/error.js';
import { lockDirectory } from '../../std/directory-lock.js';
import { LogLimit } from '../../std/log-limit.js';
import { FRAME_KIND, frameBytes, MOST_FRAME_BYTES } from './frame.js';
import { FrameBuffer } from './frame-buffer.js';
import { GroupSync } from './group-sync.js';
import type { RecordLayout } from './logged-prediction.js';
import { encodeLayout } from './record-codec.js';
import { SegmentWriter, syncDirectory } from './segment-writer.js';
import { SpoolBound } from './spool-bound.js';
import { cutTornTail, segmentsOf } from './spool-directory.js';

import { type DropReason, type SpoolOptions, segmentBytes, spoolInUse, zeroCounters } from './spool-options.js';
import { SpoolState } from './spool-state.js';

/** After a failure of the file system the next try waits this long; until then records are counted as dropped. */
const RETRY_MS = 1000;
const LOG_EVERY_MS = 60_000;
const SALTS = 2 ** 32;

/**
 * The records of this life of a node, appended to segments on disk. Used by one thread. Records are put together in `buffer` and written by
 * `flush`, all of a turn at once; when it has returned true a kill of the process cannot lose them any more, and when `synced` has resolved to
 * true a loss of power cannot either. Nothing here throws once it is open: a disk in trouble is counted, told once a minute, and tried again.
 */
export class Spool {
  readonly state = new SpoolState();
  readonly counters = zeroCounters();
  readonly buffer = new FrameBuffer();
  /** Changes when committed records could not be written: a full segment is flushed between two records, too. */
  failed_flushes = 0;
  readonly #options: SpoolOptions;
  readonly #bound: SpoolBound;
  readonly #logged = new LogLimit(LOG_EVERY_MS);
  readonly #layouts = new Set<number>();
  readonly #retired = new Set<SegmentWriter>();
  readonly #syncs = new GroupSync(() => this.#sync());
  #segment: SegmentWriter | undefined;
  #unlock: (() => void) | undefined;
  #retry_ms = Number.NEGATIVE_INFINITY;
  #pending = 0;
  #newNames = false;
  #timer: NodeJS.Timeout | undefined;

  /** Throws INVALID_CONFIG when another process uses the folder; a disk that fails is no reason not to start. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#bound = new SpoolBound(options.directory, this.state);
    this.#usable();
    if (options.sync === 'interval') {
      this.#timer = setInterval(() => void this.synced(), options.sync_ms);
      this.#timer.unref();
    }
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** Bytes on disk and about to be. */
  get bytes(): number {
    return this.#bound.closed_bytes + (this.#segment?.size ?? 0) + this.buffer.used_bytes;
  }

  get segments(): number {
    return this.#bound.segments + (this.#segment === undefined ? 0 : 1);
  }

  get failing(): boolean {
    return this.#segment === undefined;
  }

  /** Age of the oldest record that the shipper has not told to be shipped, as its segment's age; 0: there is none. */
  get oldest_ms(): number {
    const { written, shipped } = this.state;
    if (written.segment === shipped.segment && written.offset === shipped.offset) return 0;
    const since_ms = this.#bound.since_ms(shipped.segment) ?? this.#segment?.since_ms;
    return since_ms === undefined ? 0 : Math.max(0, Date.now() - since_ms);
  }

  /** Looks at what the shipper has deleted: for whoever wants to know `bytes` now. */
  refresh(): void {
    if (this.#segment !== undefined) this.#try(() => this.#bound.look(this.#segment?.number ?? -1));
  }

  /** Whether the policy is to refuse requests, and there is no room for their records. */
  get refuses(): boolean {
    return this.#options.overflow === 'refuse' && !this.#hasRoom(0);
  }

  /**
   * Makes `buffer` ready for a record with this layout. Returns false where it could not be written: it is counted as dropped, and the
   * caller goes on without.
   */
  begin(layout: RecordLayout): boolean {
    if (!this.#usable()) return this.#drop('error', 1);
    if ((this.#segment?.size ?? 0) + this.buffer.used_bytes >= segmentBytes(this.#options.spool_bytes)) this.#rotate();
    const segment = this.#segment;
    if (segment === undefined) return this.#drop('error', 1);
    if (!this.#layouts.has(layout.id)) {
      encodeLayout(this.buffer, layout);
      this.buffer.seal(FRAME_KIND.LAYOUT, segment.salt);
      this.#layouts.add(layout.id);
    }
    this.buffer.open();
    return true;
  }

  /** Ends the record that was put into `buffer` after `begin`. Returns whether it will be written. */
  commit(): boolean {
    const { open_bytes } = this.buffer;
    if (open_bytes > Math.min(frameBytes(MOST_FRAME_BYTES), this.#options.spool_bytes))
      return this.#drop('too_large', 1);
    if (!this.#makeRoom(open_bytes)) return this.#drop('newest', 1);
    this.buffer.seal(FRAME_KIND.PREDICTION, this.#segment?.salt ?? 0);
    this.#pending++;
    return true;
  }

  /** The record that was begun could not be put together. */
  giveUp(error: unknown): void {
    this.buffer.open();
    this.#drop('error', 1);
    this.#failed(error);
  }

  /** Writes what was committed. Returns whether all of it is in the file now. */
  flush(): boolean {
    const { buffer } = this;
    const segment = this.#segment;
    const records = this.#pending;
    if (buffer.used_bytes === 0) return true;
    const length = buffer.used_bytes;
    this.#pending = 0;
    const done = segment !== undefined && this.#try(() => segment.append(buffer.memory.u8, length));
    buffer.clear();
    if (!done || segment === undefined) {
      this.failed_flushes++;
      this.#layouts.clear();
      this.#drop('error', records);
      return false;
    }
    segment.records += records;
    this.counters.writes++;
    this.counters.records += records;
    this.counters.bytes += length;
    this.state.wrote({ segment: segment.number, offset: segment.size });
    return true;
  }

  /**
   * Resolves when everything flushed before this call has reached the disk, to whether it has. Many callers share one sync: what comes while
   * one runs waits for the next, which covers all of them.
   */
  synced(): Promise<boolean> {
    return this.#syncs.ask();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.flush();
    // Of the policy never too: whatever was asked for must be over before the files are closed.
    await this.synced();
    for (const segment of [...this.#retired, ...(this.#segment === undefined ? [] : [this.#segment])])
      await segment.close();
    this.#retired.clear();
    this.#segment = undefined;
    this.#unlock?.();
    this.#unlock = undefined;
    this.#retry_ms = Number.POSITIVE_INFINITY;
  }

  #hasRoom(bytes: number): boolean {
    const { spool_bytes } = this.#options;
    if (this.bytes + bytes <= spool_bytes) return true;
    this.#try(() => this.#bound.lookAgain(this.#segment?.number ?? -1));
    return this.bytes + bytes <= spool_bytes;
  }

  /** What was admitted before the spool was full is still written: refusing is for what comes after. */
  #makeRoom(bytes: number): boolean {
    if (this.#options.overflow === 'refuse' || this.#hasRoom(bytes)) return true;
    if (this.#options.overflow === 'drop_newest') return false;
    while (!this.#hasRoom(bytes)) {
      let deleted: { readonly bytes: number; readonly records: number } | undefined;
      if (!this.#try(() => (deleted = this.#bound.deleteOldest())) || deleted === undefined) return false;
      this.counters.deleted_segments++;
      this.#drop('oldest', deleted.records);
    }
    return true;
  }

  #drop(reason: DropReason, records: number): false {
    this.counters.dropped[reason] += records;
    const before = records === 0 ? undefined : this.#logged.admit(`dropped ${reason}`);
    if (before !== undefined) {
      const { directory, spool_bytes } = this.#options;
      const fields = {
        reason,
        dropped: this.counters.dropped[reason],
        spool_bytes: this.bytes,
        bound_bytes: spool_bytes,
      };
      this.#options.log.warn({ ...fields, directory }, 'predictions are dropped from the log');
    }
    return false;
  }

  /** Opens the folder and a segment where there is none, unless that failed a moment ago. */
  #usable(): boolean {
    if (this.#segment !== undefined) return true;
    if (performance.now() < this.#retry_ms) return false;
    return this.#try(() => this.#open());
  }

  #open(): void {
    const { directory } = this.#options;
    mkdirSync(directory, { recursive: true });
    if (this.#unlock === undefined) {
      this.#unlock = lockDirectory(directory, (pid) => spoolInUse(directory, pid));
      const torn = cutTornTail(directory);
      if (torn !== undefined) {
        this.counters.torn_tails++;
        this.counters.torn_bytes += torn.bytes;
        this.#options.log.warn(
          { ...torn, directory },
          'cut what the last process could not finish off the prediction log',
        );
      }
    }
    this.#openSegment();
  }

  #openSegment(): void {
    const { directory, node, epoch } = this.#options;
    const number = Math.max(segmentsOf(directory).at(-1)?.number ?? 0, this.state.written.segment) + 1;
    this.#segment = new SegmentWriter(directory, { node, epoch, number, salt: randomInt(SALTS) });
    this.#layouts.clear();
    this.#newNames = true;
    this.#bound.look(number);
    this.state.wrote({ segment: number, offset: this.#segment.size });
  }

  #rotate(): void {
    this.flush();
    const full = this.#segment;
    if (full === undefined) return;
    this.#segment = undefined;
    this.#bound.closed(full.number, full.records);
    if (this.#options.sync === 'never') void full.close().catch((error: unknown) => this.#failed(error));
    else this.#retired.add(full);
    this.#try(() => this.#openSegment());
  }

  async #sync(): Promise<boolean> {
    try {
      if (this.#newNames) {
        this.#newNames = false;
        await syncDirectory(this.#options.directory);
      }
      const current = this.#segment;
      let isSynced = false;
      for (const segment of this.#retired) {
        isSynced = (await segment.sync()) || isSynced;
        this.#retired.delete(segment);
        await segment.close();
      }
      isSynced = (await current?.sync()) === true || isSynced;
      if (isSynced) this.counters.syncs++;
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** Runs what touches the disk. Returns whether it went well; an error of ours is none of the disk's. */
  #try(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (error instanceof TidegateError) throw error;
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    this.counters.errors++;
    this.#retry_ms = performance.now() + RETRY_MS;
    const { directory } = this.#options;
    if (this.#logged.admit('error') === undefined) return;
    this.#options.log.warn({ error, directory }, 'the prediction log cannot be written; inference goes on');
  }
}
