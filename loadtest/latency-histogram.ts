/**
 * Latencies in logarithmic buckets of 2 %, from 1 µs to 100 s: percentiles cost nothing while measuring. A percentile is the
 * middle of its bucket, so it is wrong by at most 1 % (LARGEST_ERROR) between 1 µs and 100 s; the extremes are kept exactly.
 */
const RATIO = 1.02;
const BUCKETS = Math.ceil(Math.log(1e8) / Math.log(RATIO));
const LOG_RATIO = Math.log(RATIO);

export const LARGEST_ERROR = Math.sqrt(RATIO) - 1;

/** What threads and result files carry: only the buckets that have something in them. */
export interface HistogramData {
  readonly buckets: [bucket: number, count: number][];
  readonly sum_us: number;
  /** 0 when nothing was recorded. */
  readonly max_us: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS + 1);
  #sum_us = 0;
  #max_us = 0;
  count = 0;

  record(latency_us: number): void {
    const bucket = latency_us <= 1 ? 0 : Math.min(BUCKETS, Math.floor(Math.log(latency_us) / LOG_RATIO));
    this.#counts[bucket]++;
    this.#sum_us += latency_us;
    if (latency_us > this.#max_us) this.#max_us = latency_us;
    this.count++;
  }

  /** `share` between 0 and 1; the middle of the bucket in which it falls, in microseconds. */
  percentile(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share));
    let seen = 0;
    for (let bucket = 0; bucket <= BUCKETS; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= wanted) return middleOf_us(bucket);
    }
    return 0;
  }

  get max_us(): number {
    return this.#max_us;
  }

  get mean_us(): number {
    return this.count === 0 ? 0 : this.#sum_us / this.count;
  }

  add(data: HistogramData): void {
    for (const [bucket, count] of data.buckets) {
      this.#counts[Math.min(BUCKETS, bucket)] += count;
      this.count += count;
    }
    this.#sum_us += data.sum_us;
    this.#max_us = Math.max(this.#max_us, data.max_us);
  }

  data(): HistogramData {
    const buckets: [number, number][] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) buckets.push([bucket, count]);
    return { buckets, sum_us: this.#sum_us, max_us: this.#max_us };
  }

  static of(...parts: readonly HistogramData[]): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (const part of parts) histogram.add(part);
    return histogram;
  }
}

export function middleOf_us(bucket: number): number {
  return RATIO ** (bucket + 0.5);
}
