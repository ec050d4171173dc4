import { Worker } from 'node:worker_threads';
import { LogLimit } from '../../../std/log-limit.js';
import { SpoolState } from '../spool-state.js';
import { backOff_ms } from './back-off.js';
import type { FromShipper, ShipperData, ToShipper } from './messages.js';
import { newStatus, type ShipperStatus } from './status.js';

const LOG_EVERY_MS = 60_000;
const BUSY_EVERY_MS = 250;
/** A thread that lived this long had nothing to do with what killed the one before. */
const HEALTHY_MS = 60_000;

export interface ShipperOptions extends ShipperData {
  readonly log: ShipperLog;
}

export interface ShipperLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** The socket thread's end of the thread that brings the spool to ClickHouse. */
export interface Shipper {
  /** Sums over all threads there were. */
  readonly status: ShipperStatus;
  /** Threads that died and were started again. */
  readonly restarts: number;
  /** Ships what has been written until now, for `within_ms` at most. Returns whether nothing is left. */
  stop(within_ms: number): Promise<boolean>;
}

export function startShipper(options: ShipperOptions): Shipper {
  return new ShipperThread(options);
}

class ShipperThread implements Shipper {
  restarts = 0;
  readonly #options: ShipperOptions;
  readonly #logged = new LogLimit(LOG_EVERY_MS);
  #worker: Worker | undefined;
  #current = newStatus();
  /** Of threads that have ended. */
  #before = newStatus();
  #deaths = 0;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #busy: NodeJS.Timeout;
  #utilization = performance.eventLoopUtilization();
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#busy = setInterval(() => this.#tellBusy(), BUSY_EVERY_MS);
    this.#busy.unref();
    this.#start();
  }

  get status(): ShipperStatus {
    return added(this.#before, this.#current);
  }

  async stop(within_ms: number): Promise<boolean> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    clearInterval(this.#busy);
    // What is left has the machine for itself.
    new SpoolState(this.#options.state).tellBusy(0);
    const worker = this.#worker;
    if (worker === undefined) return this.status.lag_bytes === 0;
    const order: ToShipper = { type: 'stop' };
    worker.postMessage(order);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, within_ms);
    });
    await Promise.race([this.#ended, late]);
    clearTimeout(timer);
    // Whatever it was doing is in the spool, and goes with the same token next time.
    await worker.terminate();
    return this.status.lag_bytes === 0;
  }

  #tellBusy(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    new SpoolState(this.#options.state).tellBusy(utilization);
  }

  #start(): void {
    const { log: _, ...data } = this.#options;
    const began_ms = performance.now();
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: data, name: 'tidegate-shipper' });
    this.#worker = worker;
    let reason = '';
    worker.on('message', (message: FromShipper) => this.#received(message));
    worker.on('error', (error) => {
      reason = error.message;
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#worker = undefined;
        resolve();
        if (!this.#stopping) this.#died(reason || `exit code ${code}`, performance.now() - began_ms);
      });
    });
  }

  #died(reason: string, lived_ms: number): void {
    this.#before = { ...added(this.#before, this.#current), lag_bytes: 0, lag_ms: 0, blocked: '' };
    this.#current = { ...newStatus(), lag_bytes: this.#current.lag_bytes, lag_ms: this.#current.lag_ms };
    this.#deaths = lived_ms > HEALTHY_MS ? 1 : this.#deaths + 1;
    this.restarts++;
    this.#tell('died', { reason }, 'the thread that ships the prediction log ended; it is started again');
    this.#timer = setTimeout(() => this.#start(), backOff_ms(this.#deaths));
    this.#timer.unref();
  }

  #received(message: FromShipper): void {
    if (message.type === 'status') {
      this.#current = message.status;
      return;
    }
    const { kind, code, reason, what } = message;
    this.#tell(kind, { code, reason }, what);
  }

  #tell(key: string, fields: Readonly<Record<string, unknown>>, what: string): void {
    const held = this.#logged.admit(key);
    if (held === undefined) return;
    const { lag_bytes, shipped_rows } = this.status;
    this.#options.log.warn({ ...fields, lag_bytes, shipped_rows, ...(held === 0 ? {} : { times: held + 1 }) }, what);
  }
}

/** What grows is added up; what is a state is the later one's. */
function added(before: ShipperStatus, now: ShipperStatus): ShipperStatus {
  return {
    shipped_rows: before.shipped_rows + now.shipped_rows,
    shipped_batches: before.shipped_batches + now.shipped_batches,
    passes: before.passes + now.passes,
    lag_bytes: now.lag_bytes,
    lag_ms: now.lag_ms,
    failures: {
      unavailable: before.failures.unavailable + now.failures.unavailable,
      schema: before.failures.schema + now.failures.schema,
      access: before.failures.access + now.failures.access,
      data: before.failures.data + now.failures.data,
      unknown: before.failures.unknown + now.failures.unknown,
    },
    dead_letters: before.dead_letters + now.dead_letters,
    dead_letters_lost: before.dead_letters_lost + now.dead_letters_lost,
    damaged: before.damaged + now.damaged,
    damaged_bytes: before.damaged_bytes + now.damaged_bytes,
    unknown_records: before.unknown_records + now.unknown_records,
    unreadable_segments: before.unreadable_segments + now.unreadable_segments,
    found_shipped: before.found_shipped + now.found_shipped,
    spec_failures: before.spec_failures + now.spec_failures,
    blocked: now.blocked,
    last_error: now.last_error || before.last_error,
  };
}
