/** Latencies in logarithmic buckets of 2 %, from 1 µs to 100 s: percentiles cost nothing while measuring. */
const RATIO = 1.02;
const BUCKETS = Math.ceil(Math.log(1e8) / Math.log(RATIO));
const LOG_RATIO = Math.log(RATIO);

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS + 1);
  count = 0;

  record(latency_us: number): void {
    const bucket = latency_us <= 1 ? 0 : Math.min(BUCKETS, Math.floor(Math.log(latency_us) / LOG_RATIO));
    this.#counts[bucket]++;
    this.count++;
  }

  /** `share` between 0 and 1; the middle of the bucket in which it falls, in microseconds. */
  percentile(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share));
    let seen = 0;
    for (let bucket = 0; bucket <= BUCKETS; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= wanted) return RATIO ** (bucket + 0.5);
    }
    return 0;
  }
}
