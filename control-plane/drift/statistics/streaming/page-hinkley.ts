import { z } from 'zod';
import { assertFinite, CALM, type Detection, type Detector, DRIFT } from './detector.js';

export const PageHinkleyOptionsSchema = z.strictObject({
  /** Values before the first answer. */
  min_instances: z.int().positive().default(30),
  /** How large a change is tolerated. */
  delta: z.number().default(0.005),
  threshold: z.number().positive().default(50),
  /** How slowly the past is forgotten. */
  alpha: z.number().positive().max(1).default(0.9999),
  mode: z.enum(['up', 'down', 'both']).default('both'),
});
export type PageHinkleyOptions = z.infer<typeof PageHinkleyOptionsSchema>;

export const PageHinkleyStateSchema = z.strictObject({
  v: z.literal(1),
  detector: z.literal('pageHinkley'),
  options: PageHinkleyOptionsSchema,
  n: z.number(),
  mean: z.number(),
  rise: z.number(),
  fall: z.number(),
  /** null: none yet. */
  least_rise: z.number().nullable(),
  most_fall: z.number(),
  drifted: z.boolean(),
});
export type PageHinkleyState = z.infer<typeof PageHinkleyStateSchema>;

/** Page's cumulative sums of the deviations from the mean so far: `threshold` above their least, or below their greatest, is a drift. Parity with River. */
export class PageHinkley implements Detector {
  #state: PageHinkleyState;

  constructor(from: Partial<PageHinkleyOptions> | PageHinkleyState = {}) {
    this.#state = 'v' in from ? PageHinkleyStateSchema.parse(from) : fresh(PageHinkleyOptionsSchema.parse(from));
  }

  update(value: number): Detection {
    assertFinite(value);
    const before = this.#state.drifted ? fresh(this.#state.options) : this.#state;
    const { options } = before;
    const n = before.n + 1;
    const mean = before.mean + (value - before.mean) / n;
    const rise = options.alpha * before.rise + (value - mean) - options.delta;
    const fall = options.alpha * before.fall + (value - mean) + options.delta;
    const least_rise = Math.min(before.least_rise ?? rise, rise);
    const most_fall = Math.max(before.most_fall, fall);
    const rose = options.mode !== 'down' && rise - least_rise > options.threshold;
    const fell = options.mode !== 'up' && most_fall - fall > options.threshold;
    const drifted = n >= options.min_instances && (rose || fell);
    this.#state = { ...before, n, mean, rise, fall, least_rise, most_fall, drifted };
    return drifted ? DRIFT : CALM;
  }

  state(): PageHinkleyState {
    return this.#state;
  }
}

function fresh(options: PageHinkleyOptions): PageHinkleyState {
  return {
    v: 1,
    detector: 'pageHinkley',
    options,
    n: 0,
    mean: 0,
    rise: 0,
    fall: 0,
    least_rise: null,
    // River's start: a sum that never rises above it is measured from here.
    most_fall: -1,
    drifted: false,
  };
}
