/** Upper bounds of buckets, in microseconds: three for each power of ten, 1, 2 and 5, from 10 µs to 10 s. */
export const LATENCY_BUCKETS_US: readonly number[] = [
  10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
  5_000_000, 10_000_000,
];

/** Rows of a batch. */
export const BATCH_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Counts in fixed buckets, as Prometheus reads them. A value that equals a bound lies in the bucket below it. */
export class Histogram {
  /** Ascending. */
  readonly bounds: readonly number[];
  /** One more than there are bounds: the last one is for what is larger than all. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += value;
    this.count++;
  }

  /**
   * An estimate of the value below which the share `quantile` (0 to 1) of all values lies, as if they were spread evenly within
   * their bucket; as exact as the buckets are fine. What is larger than all bounds counts as the last one. NaN before the first value.
   */
  quantile(quantile: number): number {
    const { bounds, counts } = this;
    if (this.count === 0) return Number.NaN;
    const rank = quantile * this.count;
    let below = 0;
    for (let bucket = 0; bucket < bounds.length; bucket++) {
      const within = counts[bucket];
      if (within > 0 && below + within >= rank) {
        const lower = bucket === 0 ? 0 : bounds[bucket - 1];
        return lower + (bounds[bucket] - lower) * ((rank - below) / within);
      }
      below += within;
    }
    return bounds[bounds.length - 1];
  }
}
