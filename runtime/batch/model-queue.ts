import type { TidegateError } from '../../contract/error.js';
import type { ServedVersion } from '../model/served-version.js';
import type { VersionLog } from '../predict-log/version-log.js';
import type { Link } from '../worker/link.js';
import type { Entry } from './entry.js';
import { Lane } from './lane.js';
import type { RequestPlan } from './request-plan.js';

/** A version that gets copies of another one's requests. */
export interface Shadow {
  readonly queue: ModelQueue;
  /** Whether its inputs are the same: else nothing can be copied. */
  readonly sameInputs: boolean;
  /** Whether what the log must know of a request is the same, too: else its copies are not logged. */
  readonly sameNotes: boolean;
}

/** What waits for one version, in lanes; bounded in requests and bytes. */
export class ModelQueue {
  readonly version: ServedVersion;
  /** The version as the protocol gives it. */
  readonly versionText: string;
  readonly plan: RequestPlan;
  /** undefined: its requests are not logged. */
  readonly log: VersionLog | undefined;
  readonly max_requests: number;
  readonly max_bytes: number;
  /** Threads that hold the version now. Empty while it loads, or while a lost thread is replaced. */
  links: Link[] = [];
  /** What runs it, and why it is another device than was chosen; '' until it has loaded. */
  device = '';
  device_reason = '';
  /** Requests admitted and not done: waiting, held or running; and the bytes of their inputs. */
  open_requests = 0;
  open_bytes = 0;
  open_sequences = 0;
  /** Time that it has had of the workers, weighted; see fair-share.ts. */
  served_us = 0;
  /** Which part its answers play, as the log calls it. */
  variant: 'champion' | 'canary' | 'shadow' = 'champion';
  /** Who gets copies of its requests. */
  shadows: readonly Shadow[] = [];
  /** Requests that were to be copied to it, and were not: no room, or other inputs. */
  shed = 0;
  /** Moving average of a batch's time in a worker, to charge a batch before it is done. */
  batch_us = 100;
  /** Set when nothing may be admitted any more. */
  refusal: TidegateError | undefined;
  readonly #lanes: Lane[] = [];
  readonly #lanesByKey = new Map<string, Lane>();
  /** Entries that must run alone, before anything else. */
  readonly #alone: Entry[] = [];

  constructor(
    version: ServedVersion,
    plan: RequestPlan,
    defaults: { max_queue_requests: number; max_queue_bytes: number },
    log?: VersionLog,
  ) {
    this.version = version;
    this.versionText = String(version.version);
    this.plan = plan;
    this.log = log;
    this.max_requests = version.manifest.queue.max_requests ?? defaults.max_queue_requests;
    this.max_bytes = version.manifest.queue.max_bytes ?? defaults.max_queue_bytes;
  }

  get waiting(): number {
    let waiting = this.#alone.length;
    for (const lane of this.#lanes) waiting += lane.waiting;
    return waiting;
  }

  get rows(): number {
    let rows = 0;
    for (const lane of this.#lanes) rows += lane.rows;
    return rows;
  }

  get lanes(): number {
    return this.#lanes.length;
  }

  /** The lane of a priority and of the shapes that `key` stands for ('' where the plan has no variable dimension). */
  lane(priority: number, key: string, tensors: readonly { readonly shape: readonly number[] }[]): Lane {
    if (key === '' && this.#lanes.length === 1 && this.#lanes[0].priority === priority) return this.#lanes[0];
    const name = `${priority}:${key}`;
    let lane = this.#lanesByKey.get(name);
    if (lane === undefined) {
      this.#dropEmptyLanes();
      lane = new Lane(
        priority,
        tensors.map((tensor) => tensor.shape),
      );
      this.#lanesByKey.set(name, lane);
      this.#lanes.push(lane);
      this.#lanes.sort((a, b) => a.priority - b.priority);
    }
    return lane;
  }

  runAlone(entry: Entry): void {
    entry.alone = true;
    entry.phase = 'waiting';
    this.#alone.push(entry);
  }

  /**
   * When the next batch may start: a time in the past (now), in the future (max_delay_ms not over), or Infinity (nothing waits).
   * A full batch never waits.
   */
  ready_us(): number {
    if (this.#alone.length > 0) return 0;
    const lane = this.#nextLane();
    if (lane === undefined) return Number.POSITIVE_INFINITY;
    const { max_batch } = this.version.batching;
    const { max_delay_ms } = this.version.manifest;
    if (max_batch === 0 || max_delay_ms === 0 || lane.rows >= max_batch) return 0;
    return (lane.peek()?.admitted_us ?? 0) + max_delay_ms * 1000;
  }

  /** The entries of the next batch, oldest first, at most `max_entries`; empty when all that waited has expired by `now_us`. */
  take(now_us: number, max_entries: number, expired: (entry: Entry) => void): Entry[] {
    for (let entry = this.#alone.shift(); entry !== undefined; entry = this.#alone.shift()) {
      if (entry.phase === 'waiting') return [entry];
    }
    const lane = this.#nextLane();
    if (lane === undefined) return [];
    const max_rows = this.version.batching.max_batch;
    const batch: Entry[] = [];
    let rows = 0;
    for (let entry = lane.peek(); entry !== undefined && batch.length < max_entries; entry = lane.peek()) {
      if (entry.deadline_us <= now_us) {
        expired(entry);
        continue;
      }
      if (batch.length > 0 && rows + entry.rows > max_rows) break;
      lane.take();
      batch.push(entry);
      rows += entry.rows;
      if (max_rows === 0) break;
    }
    return batch;
  }

  /** Everything that waits. The caller may end entries while it iterates over what this returns. */
  waitingEntries(): Entry[] {
    const waiting = this.#alone.filter((entry) => entry.phase === 'waiting');
    for (const lane of this.#lanes) waiting.push(...lane);
    return waiting;
  }

  /** Highest priority first, and among shapes the one whose head has waited longest. */
  #nextLane(): Lane | undefined {
    if (this.#lanes.length === 1) return this.#lanes[0].waiting > 0 ? this.#lanes[0] : undefined;
    let best: Lane | undefined;
    let oldest_us = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) {
      if (best !== undefined && lane.priority > best.priority) break;
      const head = lane.waiting > 0 ? lane.peek() : undefined;
      if (head !== undefined && head.admitted_us < oldest_us) {
        best = lane;
        oldest_us = head.admitted_us;
      }
    }
    return best;
  }

  /** Every shape that was ever seen would else keep a lane. */
  #dropEmptyLanes(): void {
    if (this.#lanes.length < 64) return;
    for (const [key, lane] of this.#lanesByKey) {
      if (lane.users === 0) this.#lanesByKey.delete(key);
    }
    const kept = new Set(this.#lanesByKey.values());
    this.#lanes.splice(0, this.#lanes.length, ...this.#lanes.filter((lane) => kept.has(lane)));
  }
}
