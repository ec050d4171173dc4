import { z } from 'zod';
import { CALM, type Detection, type Detector, DRIFT, WARNING } from './detector.js';

export const DdmOptionsSchema = z.strictObject({
  warm_start: z.int().nonnegative().default(30),
  warning_threshold: z.number().positive().default(2),
  drift_threshold: z.number().positive().default(3),
});
export type DdmOptions = z.infer<typeof DdmOptionsSchema>;

export const DdmStateSchema = z.strictObject({
  v: z.literal(1),
  detector: z.literal('ddm'),
  options: DdmOptionsSchema,
  n: z.number(),
  /** Share of errors so far. */
  p: z.number(),
  /** p and its deviation where their sum was least; null: still warming up. */
  least: z.strictObject({ p: z.number(), s: z.number() }).nullable(),
  drifted: z.boolean(),
});
export type DdmState = z.infer<typeof DdmStateSchema>;

/** Drift detection method (Gama and others 2004): reads 1 for a wrong prediction and 0 for a right one, whose share should only fall. Parity with River. */
export class Ddm implements Detector {
  #state: DdmState;

  constructor(from: Partial<DdmOptions> | DdmState = {}) {
    this.#state = 'v' in from ? DdmStateSchema.parse(from) : fresh(DdmOptionsSchema.parse(from));
  }

  update(value: number): Detection {
    if (value !== 0 && value !== 1) throw new RangeError(`DDM reads 1 for an error and 0 for none, not ${value}`);
    const before = this.#state.drifted ? fresh(this.#state.options) : this.#state;
    const { options } = before;
    const n = before.n + 1;
    const p = before.p + (value - before.p) / n;
    const s = Math.sqrt(Math.max(0, p * (1 - p)) / n);
    if (n <= options.warm_start) {
      this.#state = { ...before, n, p, drifted: false };
      return CALM;
    }
    const { least: known } = before;
    const least = known === null || p + s <= known.p + known.s ? { p, s } : known;
    const drifted = p + s > least.p + options.drift_threshold * least.s;
    this.#state = { ...before, n, p, least, drifted };
    if (drifted) return DRIFT;
    return p + s > least.p + options.warning_threshold * least.s ? WARNING : CALM;
  }

  state(): DdmState {
    return this.#state;
  }
}

function fresh(options: DdmOptions): DdmState {
  return { v: 1, detector: 'ddm', options, n: 0, p: 0, least: null, drifted: false };
}
