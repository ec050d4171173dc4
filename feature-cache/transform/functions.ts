import type { Value } from './value.js';

interface ExpressionFunction {
  /** How many values it takes. */
  readonly least: number;
  readonly most: number;
  readonly compute: (given: readonly Value[]) => Value;
}

const DAY_US = 86_400e6;
const HOUR_US = 3600e6;

/** What expressions may call. A value that is missing makes the result missing, but for `coalesce` and `is_null`, which are about that. */
export const FUNCTIONS: Readonly<Record<string, ExpressionFunction>> = {
  abs: numbers(1, 1, ([x]) => Math.abs(x)),
  ceil: numbers(1, 1, ([x]) => Math.ceil(x)),
  clip: numbers(3, 3, ([x, low, high]) => Math.min(Math.max(x, low), high)),
  exp: numbers(1, 1, ([x]) => Math.exp(x)),
  floor: numbers(1, 1, ([x]) => Math.floor(x)),
  log: numbers(1, 1, ([x]) => Math.log(x)),
  log1p: numbers(1, 1, ([x]) => Math.log1p(x)),
  max: numbers(1, Number.POSITIVE_INFINITY, (given) => Math.max(...given)),
  min: numbers(1, Number.POSITIVE_INFINITY, (given) => Math.min(...given)),
  pow: numbers(2, 2, ([x, y]) => x ** y),
  round: numbers(1, 1, ([x]) => Math.round(x)),
  sign: numbers(1, 1, ([x]) => Math.sign(x)),
  sqrt: numbers(1, 1, ([x]) => Math.sqrt(x)),
  /** 0 to 23, of a timestamp in microseconds, in UTC. */
  hour: numbers(1, 1, ([at_us]) => Math.floor(modulo(at_us, DAY_US) / HOUR_US)),
  /** 0 is Sunday; the first of January 1970 was a Thursday. */
  weekday: numbers(1, 1, ([at_us]) => modulo(Math.floor(at_us / DAY_US) + 4, 7)),
  coalesce: {
    least: 1,
    most: Number.POSITIVE_INFINITY,
    compute: (given) => given.find((each) => each !== null) ?? null,
  },
  is_null: { least: 1, most: 1, compute: ([value]) => value === null },
  lower: texts(1, (text) => text.toLowerCase()),
  length: texts(1, (text) => text.length),
};

function numbers(least: number, most: number, compute: (given: readonly number[]) => number): ExpressionFunction {
  return {
    least,
    most,
    compute: (given) => {
      const known = given.filter((each) => typeof each === 'number');
      if (known.length < given.length) return null;
      const result = compute(known);
      return Number.isFinite(result) ? result : null;
    },
  };
}

function texts(count: number, compute: (text: string) => Value): ExpressionFunction {
  return { least: count, most: count, compute: ([text]) => (typeof text === 'string' ? compute(text) : null) };
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
