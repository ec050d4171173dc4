import { z } from 'zod';
import { assertFinite, CALM, type Detection, type Detector, DRIFT } from './detector.js';

export const AdwinOptionsSchema = z.strictObject({
  /** Chance of a false alarm. */
  delta: z.number().positive().max(1).default(0.002),
  /** Looks for a cut at every so many values. */
  clock: z.int().positive().default(32),
  /** Buckets of one size before two become one of twice the size. */
  max_buckets: z.int().positive().default(5),
  /** Neither side of a cut is shorter. */
  min_window_length: z.int().positive().default(5),
  /** Values before the first look. */
  grace_period: z.int().nonnegative().default(10),
});
export type AdwinOptions = z.infer<typeof AdwinOptionsSchema>;

const BucketSchema = z.strictObject({
  total: z.number(),
  /** Sum of squared deviations from the bucket's own mean. */
  squares: z.number(),
});
type Bucket = z.infer<typeof BucketSchema>;

export const AdwinStateSchema = z.strictObject({
  v: z.literal(1),
  detector: z.literal('adwin'),
  options: AdwinOptionsSchema,
  ticks: z.number(),
  width: z.number(),
  total: z.number(),
  squares: z.number(),
  /** rows[i]: buckets of 2^i values, the oldest first. */
  rows: z.array(z.array(BucketSchema)),
  drifted: z.boolean(),
});
export type AdwinState = z.infer<typeof AdwinStateSchema>;

/**
 * Adaptive windowing (Bifet and Gavaldà 2007): keeps a window of the latest values as an exponential histogram, and drops its older part where the means of
 * the two parts differ by more than chance allows. Memory grows with the logarithm of the window. Parity with River.
 */
export class Adwin implements Detector {
  readonly #options: AdwinOptions;
  #ticks = 0;
  #width = 0;
  #total = 0;
  #squares = 0;
  #rows: Bucket[][] = [];
  #drifted = false;

  constructor(from: Partial<AdwinOptions> | AdwinState = {}) {
    if (!('v' in from)) {
      this.#options = AdwinOptionsSchema.parse(from);
      return;
    }
    const state = AdwinStateSchema.parse(from);
    this.#options = state.options;
    this.#ticks = state.ticks;
    this.#width = state.width;
    this.#total = state.total;
    this.#squares = state.squares;
    this.#rows = state.rows;
    this.#drifted = state.drifted;
  }

  /** Values in the window. */
  get width(): number {
    return this.#width;
  }

  /** Mean of the window; 0 while it is empty. */
  get mean(): number {
    return this.#width === 0 ? 0 : this.#total / this.#width;
  }

  update(value: number): Detection {
    assertFinite(value);
    if (this.#drifted) this.#reset();
    this.#insert(value);
    this.#ticks++;
    const { clock, grace_period } = this.#options;
    if (this.#ticks % clock === 0 && this.#width > grace_period) {
      while (this.#hasCut()) {
        this.#drifted = true;
        this.#dropOldest();
      }
    }
    return this.#drifted ? DRIFT : CALM;
  }

  state(): AdwinState {
    const rows = this.#rows.map((row) => row.map((bucket) => ({ ...bucket })));
    const [ticks, width, total, squares] = [this.#ticks, this.#width, this.#total, this.#squares];
    return {
      v: 1,
      detector: 'adwin',
      options: this.#options,
      ticks,
      width,
      total,
      squares,
      rows,
      drifted: this.#drifted,
    };
  }

  #reset(): void {
    [this.#ticks, this.#width, this.#total, this.#squares] = [0, 0, 0, 0];
    this.#rows = [];
    this.#drifted = false;
  }

  #insert(value: number): void {
    if (this.#rows.length === 0) this.#rows.push([]);
    this.#rows[0].push({ total: value, squares: 0 });
    if (this.#width > 0) {
      this.#squares += (this.#width * (value - this.#total / this.#width) ** 2) / (this.#width + 1);
    }
    this.#width++;
    this.#total += value;
    for (let i = 0; i < this.#rows.length && this.#rows[i].length > this.#options.max_buckets; i++) {
      if (i + 1 === this.#rows.length) this.#rows.push([]);
      const [first, second] = this.#rows[i].splice(0, 2);
      const size = 2 ** i;
      const apart = (size * (first.total / size - second.total / size) ** 2) / 2;
      this.#rows[i + 1].push({ total: first.total + second.total, squares: first.squares + second.squares + apart });
    }
  }

  /** Whether the window divides anywhere, from the oldest bucket on, into parts whose means differ too much. */
  #hasCut(): boolean {
    let [older, olderTotal] = [0, 0];
    for (let i = this.#rows.length - 1; i >= 0; i--) {
      for (const bucket of this.#rows[i]) {
        older += 2 ** i;
        olderTotal += bucket.total;
        const newer = this.#width - older;
        if (newer < this.#options.min_window_length) return false;
        if (older < this.#options.min_window_length) continue;
        if (this.#differ(older, newer, olderTotal / older - (this.#total - olderTotal) / newer)) return true;
      }
    }
    return false;
  }

  #differ(older: number, newer: number, difference: number): boolean {
    const { delta, min_window_length } = this.#options;
    const confidence = Math.log((2 * Math.log(this.#width)) / delta);
    const inverse = 1 / (older - min_window_length + 1) + 1 / (newer - min_window_length + 1);
    const variance = this.#squares / this.#width;
    const allowed = Math.sqrt(2 * inverse * variance * confidence) + (2 / 3) * confidence * inverse;
    return Math.abs(difference) > allowed;
  }

  #dropOldest(): void {
    const last = this.#rows.length - 1;
    const oldest = this.#rows[last].shift();
    if (oldest === undefined) throw new Error('a row of the histogram was empty');
    const size = 2 ** last;
    this.#width -= size;
    this.#total -= oldest.total;
    const apart = oldest.total / size - this.#total / this.#width;
    this.#squares -= oldest.squares + (size * this.#width * apart ** 2) / (size + this.#width);
    if (this.#rows[last].length === 0) this.#rows.pop();
  }
}
