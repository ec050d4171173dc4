import { type HistogramData, LatencyHistogram } from '../latency-histogram.js';
import type { Outcome } from './http-connection.js';

/** What became of the requests that were meant to start in one phase, or in one window of the timeline. */
export class Tally {
  readonly ok = new LatencyHistogram();
  readonly refused = new LatencyHistogram();
  /** From when a request was due until the generator turned to it: its own fault, not the server's. */
  readonly lateness = new LatencyHistogram();
  failed = 0;
  /** Never sent, because too many waited for a connection already. */
  dropped = 0;
  /** Sent or waiting, and without an answer when the run was over. */
  unanswered = 0;

  ended(outcome: Outcome, latency_us: number): void {
    if (outcome === 'ok') this.ok.record(latency_us);
    else if (outcome === 'refused') this.refused.record(latency_us);
    else this.failed++;
  }

  data(): TallyData {
    return {
      ok: this.ok.data(),
      refused: this.refused.data(),
      lateness: this.lateness.data(),
      failed: this.failed,
      dropped: this.dropped,
      unanswered: this.unanswered,
    };
  }

  add(data: TallyData): void {
    this.ok.add(data.ok);
    this.refused.add(data.refused);
    this.lateness.add(data.lateness);
    this.failed += data.failed;
    this.dropped += data.dropped;
    this.unanswered += data.unanswered;
  }

  /** Everything that was meant to start. */
  get intended(): number {
    return this.ok.count + this.refused.count + this.failed + this.dropped + this.unanswered;
  }
}

export interface TallyData {
  readonly ok: HistogramData;
  readonly refused: HistogramData;
  readonly lateness: HistogramData;
  readonly failed: number;
  readonly dropped: number;
  readonly unanswered: number;
}
