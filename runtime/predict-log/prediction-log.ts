import { TidegateError } from '../../contract/error.js';
import { clockOrigin_us, now_us } from '../../std/clock.js';
import type { ServedVersion } from '../model/served-version.js';
import { hashKeyOf, KeyedHash } from './keyed-hash.js';
import { planLog } from './log-plan.js';
import { Spool } from './spool.js';
import { spoolDirectory } from './spool-directory.js';
import type { SpoolLog, SpoolOptions } from './spool-options.js';
import { VersionLog } from './version-log.js';

export interface PredictionLogOptions extends Pick<SpoolOptions, 'overflow' | 'sync' | 'sync_ms' | 'spool_bytes'> {
  readonly data_dir: string;
  readonly node: string;
  /** Key of hashes; '': the one of the data folder. */
  readonly hash_key: string;
  readonly log: SpoolLog;
}

const RETRY_AFTER_MS = 1000;
const CLOCK_CHECK_US = 1_000_000;
/** The clock of the machine is read in milliseconds: less than this is no difference. */
const MOST_CLOCK_ERROR_US = 20_000;

/** The prediction log of one node, up to the spool. Used by the socket thread alone. */
export class PredictionLog {
  readonly spool: Spool;
  /** Microseconds at the start: with node and number it names a request for ever. */
  readonly epoch: number;
  readonly #options: PredictionLogOptions;
  readonly #prefix: string;
  #hash: KeyedHash | undefined;
  #seq = 0;
  #layouts = 0;
  #soon = false;
  #origin_us = clockOrigin_us;
  #checked_us = Number.NEGATIVE_INFINITY;

  /** Throws INVALID_CONFIG when another process uses the spool. */
  constructor(options: PredictionLogOptions) {
    const { data_dir, node, overflow, sync, sync_ms, spool_bytes, log } = options;
    this.#options = options;
    this.epoch = Math.floor(Date.now() * 1000 + (now_us() % 1000));
    this.#prefix = `${encodeURIComponent(node)}:${this.epoch}:`;
    const directory = spoolDirectory(data_dir, node);
    this.spool = new Spool({ directory, node, epoch: this.epoch, spool_bytes, overflow, sync, sync_ms, log });
  }

  get holds(): boolean {
    return this.#options.sync === 'each';
  }

  /** The log of a version that is about to be served; undefined: its manifest wants nothing logged. Throws INVALID_CONFIG. */
  open(version: ServedVersion): VersionLog | undefined {
    const plan = planLog(version);
    if (plan.share === 0 && !plan.policy.failures) return undefined;
    const { redact, hash } = plan.policy;
    // The key is read now, so that a folder that cannot hold one fails the load and not a request.
    if (redact.length > 0 || hash.length > 0) this.#keyedHash();
    return new VersionLog(this, plan, ++this.#layouts, () => this.#keyedHash());
  }

  nextSeq(): number {
    return ++this.#seq;
  }

  token(seq: number): string {
    return this.#prefix + seq;
  }

  /** Microseconds since 1970 for a time of `now_us`. */
  wall_us(at_us: number): number {
    if (at_us - this.#checked_us > CLOCK_CHECK_US) this.#checkClock();
    return Math.round(this.#origin_us + at_us);
  }

  refusal(): TidegateError | undefined {
    if (!this.spool.refuses) return undefined;
    return new TidegateError(
      'LOG_FULL',
      `the prediction log holds ${this.spool.bytes} bytes that were not shipped, its limit log_spool_bytes is ${this.#options.spool_bytes}, and log_overflow is refuse; try again later`,
      { retry_after_ms: RETRY_AFTER_MS },
    );
  }

  /** For records whose answer does not wait for them: everything of this turn is written at once. */
  flushSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      this.spool.flush();
    });
  }

  close(): Promise<void> {
    return this.spool.close();
  }

  /** The clock of the machine may be set, and the one of the process may stand still while a laptop sleeps. */
  #checkClock(): void {
    this.#checked_us = now_us();
    const origin_us = Date.now() * 1000 - this.#checked_us;
    if (Math.abs(origin_us - this.#origin_us) > MOST_CLOCK_ERROR_US) this.#origin_us = origin_us;
  }

  #keyedHash(): KeyedHash {
    this.#hash ??= new KeyedHash(
      this.#options.hash_key === '' ? hashKeyOf(this.#options.data_dir) : this.#options.hash_key,
    );
    return this.#hash;
  }
}
