import { Latencies } from '../terminal/latencies.js';
import { LATE_MIN } from './history.js';
import type { FlownFlight } from './replay-file.js';

/** A flight is flagged as late from this score on. */
export const FLAGGED_FROM = 0.5;
const SCORE_BINS = 20;
const LATEST = 8;

export interface ScoredFlight {
  readonly flight: FlownFlight;
  readonly score: number;
}

/** What a replay has seen so far. */
export class Scoreboard {
  readonly #latencies = new Latencies();
  readonly scoreBins: number[] = Array.from({ length: SCORE_BINS }, () => 0);
  readonly latest: ScoredFlight[] = [];
  scored = 0;
  failed = 0;
  lastFailure = '';
  landed = 0;
  late = 0;
  flagged = 0;
  /** Flagged, and late indeed. */
  hits = 0;

  onScore(scored: ScoredFlight, latency_ms: number): void {
    this.scored++;
    this.#latencies.add(latency_ms);
    this.scoreBins[Math.min(Math.floor(scored.score * SCORE_BINS), SCORE_BINS - 1)]++;
    this.latest.unshift(scored);
    this.latest.length = Math.min(this.latest.length, LATEST);
  }

  onFailure(reason: string): void {
    this.failed++;
    this.lastFailure = reason;
  }

  /** The flight has landed: what was said of it can be judged. */
  onLanding({ flight, score }: ScoredFlight): void {
    const isLate = flight.delay_min > LATE_MIN;
    const isFlagged = score >= FLAGGED_FROM;
    this.landed++;
    if (isLate) this.late++;
    if (isFlagged) this.flagged++;
    if (isFlagged && isLate) this.hits++;
  }

  /** Share of the flagged flights that were late. */
  get hitRate(): number {
    return this.flagged === 0 ? 0 : this.hits / this.flagged;
  }

  /** Share of the late flights that were flagged. */
  get found(): number {
    return this.late === 0 ? 0 : this.hits / this.late;
  }

  latency_ms(): { readonly p50: number; readonly p99: number } {
    const [p50, p99] = this.#latencies.percentiles(0.5, 0.99);
    return { p50, p99 };
  }
}
