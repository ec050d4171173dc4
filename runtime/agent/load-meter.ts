import type { ModelLoad } from '../../contract/node-status.js';

/** What one version has done since the node started. */
export interface VersionCount {
  readonly model: string;
  readonly version: string;
  readonly answered: number;
  readonly failed: number;
  /** Time of the answered ones in all, from the first byte to the answer. */
  readonly answered_us: number;
}

/** Rates of what is only counted: each sample tells of the time since the one before. */
export class LoadMeter {
  readonly #counts: () => Iterable<VersionCount>;
  #before = new Map<string, VersionCount>();
  #sampled_ms: number;
  #rates: readonly ModelLoad[] = [];

  constructor(counts: () => Iterable<VersionCount>, now_ms: number) {
    this.#counts = counts;
    this.#sampled_ms = now_ms;
  }

  /** As of the last sample: versions that were asked at all within it. */
  get rates(): readonly ModelLoad[] {
    return this.#rates;
  }

  sample(now_ms: number): void {
    const seconds = (now_ms - this.#sampled_ms) / 1000;
    if (seconds <= 0) return;
    const now = new Map<string, VersionCount>();
    const rates: ModelLoad[] = [];
    for (const count of this.#counts()) {
      const key = `${count.model}/${count.version}`;
      now.set(key, count);
      const rate = rateOf(count, this.#before.get(key), seconds);
      if (rate !== undefined) rates.push(rate);
    }
    this.#before = now;
    this.#sampled_ms = now_ms;
    this.#rates = rates;
  }
}

/** undefined: nobody asked. */
function rateOf(now: VersionCount, before: VersionCount | undefined, seconds: number): ModelLoad | undefined {
  const answered = now.answered - (before?.answered ?? 0);
  const failed = now.failed - (before?.failed ?? 0);
  // Counters that were forgotten begin again at 0.
  if (answered < 0 || failed < 0 || answered + failed === 0) return undefined;
  const { model, version } = now;
  const mean_us = answered === 0 ? 0 : Math.round((now.answered_us - (before?.answered_us ?? 0)) / answered);
  return {
    model,
    version: Number(version),
    answered_per_s: answered / seconds,
    failed_per_s: failed / seconds,
    mean_us,
  };
}
