import type { ErrorCode, TidegateError } from '../../contract/error.js';
import type { StageTimes } from '../../contract/inference.js';
import type { FaceName } from '../admission/inference.js';
import type { ServedVersion } from '../model/served-version.js';
import type { BackendEvent } from '../worker/messages.js';
import type { Observer } from './observer.js';
import { FACES, VersionCounters } from './version-counters.js';

/** Triton's form of a duration: how many, and nanoseconds in all. */
export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

/** One element of `model_stats`: Triton's statistics extension. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, StatisticDuration>>;
  readonly response_stats: Readonly<Record<string, never>>;
  readonly batch_stats: readonly BatchStatistics[];
  readonly memory_usage: readonly never[];
  /** Beyond Triton's: what runs it here. */
  readonly device?: string;
}

export interface BatchStatistics {
  readonly batch_size: number;
  readonly compute_input: StatisticDuration;
  readonly compute_infer: StatisticDuration;
  readonly compute_output: StatisticDuration;
}

/** Counted versions, served and retired, beyond which the one that was idle longest is forgotten: each costs a few kilobytes. */
const MOST_VERSIONS = 1024;

/**
 * Counts what happens to requests, by model and version. A reload of a version goes on counting where the last one stopped.
 * Calls come from the request path: an array look-up and some additions.
 */
export class Statistics implements Observer {
  readonly #byName = new Map<string, VersionCounters>();
  readonly #byHandle: (VersionCounters | undefined)[] = [];
  /** Errors that callers were told, those that never were a request of a model among them. */
  readonly #told: Readonly<Record<FaceName, Map<ErrorCode, number>>> = { http: new Map(), websocket: new Map() };
  #uses = 0;
  workers_lost = 0;

  admitted(version: ServedVersion): void {
    this.#counters(version).admitted++;
  }

  executed(version: ServedVersion, rows: number, _requests: number, times: StageTimes): void {
    this.#counters(version).executed(rows, times);
  }

  succeeded(version: ServedVersion, face: FaceName, rows: number, total_us: number, times: StageTimes): void {
    this.#counters(version).succeeded(face, rows, total_us, times);
  }

  failed(version: ServedVersion, _face: FaceName, error: TidegateError, total_us: number): void {
    this.#counters(version).failed(error, total_us);
  }

  backendEvent(version: ServedVersion, event: BackendEvent): void {
    this.#counters(version).backendEvent(event);
  }

  workerLost(): void {
    this.workers_lost++;
  }

  /** A face answered with an error. */
  told(face: FaceName, code: ErrorCode): void {
    const codes = this.#told[face];
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }

  *errors(): Iterable<{ readonly face: FaceName; readonly code: ErrorCode; readonly count: number }> {
    for (const face of FACES) for (const [code, count] of this.#told[face]) yield { face, code, count };
  }

  versions(): Iterable<VersionCounters> {
    return this.#byName.values();
  }

  /** What is known of one version; zeros for one that never saw a request. */
  of(model: string, version: number): VersionCounters {
    const name = `${model}\u0000${version}`;
    let counters = this.#byName.get(name);
    if (counters === undefined) {
      if (this.#byName.size >= MOST_VERSIONS) this.#forgetIdlest();
      counters = new VersionCounters(model, String(version));
      this.#byName.set(name, counters);
    }
    return counters;
  }

  /** Whoever asks for it again finds zeros, which scrapers take for a restart. */
  #forgetIdlest(): void {
    let idlest: [name: string, counters: VersionCounters] | undefined;
    for (const each of this.#byName) {
      if (idlest === undefined || each[1].used < idlest[1].used) idlest = each;
    }
    if (idlest === undefined) return;
    const [name, counters] = idlest;
    this.#byName.delete(name);
    for (const [handle, held] of this.#byHandle.entries()) if (held === counters) this.#byHandle[handle] = undefined;
  }

  #counters(version: ServedVersion): VersionCounters {
    let counters = this.#byHandle[version.handle];
    if (counters === undefined) {
      counters = this.of(version.model, version.version);
      this.#byHandle[version.handle] = counters;
    }
    counters.used = ++this.#uses;
    return counters;
  }
}
