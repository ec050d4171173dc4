import { Matrix, solve } from 'ml-matrix';

/** A linear model of the chance that a row is of the second kind. */
export interface LogisticModel {
  readonly intercept: number;
  readonly weights: Float64Array;
}

const MOST_STEPS = 50;
/** Steps of less change no score that anybody could see. */
const LEAST_STEP = 1e-10;

/**
 * The weights that make ½|w|² + Σ log loss the least, by Newton's method: scikit-learn's LogisticRegression with C = 1. The intercept is not held back. `rows`
 * are of equal length; 1 in `labels` is the second kind.
 */
export function fitLogistic(rows: readonly Float64Array[], labels: Uint8Array): LogisticModel {
  const width = rows[0].length + 1;
  let weights: Float64Array = new Float64Array(width);
  let loss = lossOf(rows, labels, weights);
  for (let step = 0; step < MOST_STEPS; step++) {
    const direction = newtonStep(rows, labels, weights);
    let share = 1;
    let next = moved(weights, direction, share);
    let now = lossOf(rows, labels, next);
    // Far from the least a whole step may lead up again.
    while (now > loss && share > 1e-6) {
      share /= 2;
      next = moved(weights, direction, share);
      now = lossOf(rows, labels, next);
    }
    if (now > loss) break;
    [weights, loss] = [next, now];
    if (direction.every((value) => Math.abs(value * share) < LEAST_STEP)) break;
  }
  return { intercept: weights[width - 1], weights: weights.slice(0, width - 1) };
}

/** Log odds: rows are ranked by them as by their chances. */
export function logOdds({ intercept, weights }: LogisticModel, row: Float64Array): number {
  let sum = intercept;
  for (let i = 0; i < row.length; i++) sum += weights[i] * row[i];
  return sum;
}

function moved(weights: Float64Array, direction: Float64Array, share: number): Float64Array {
  return weights.map((value, i) => value - share * direction[i]);
}

function lossOf(rows: readonly Float64Array[], labels: Uint8Array, weights: Float64Array): number {
  const last = weights.length - 1;
  let sum = 0;
  for (let i = 0; i < last; i++) sum += weights[i] ** 2 / 2;
  const model = { intercept: weights[last], weights: weights.subarray(0, last) };
  for (const [i, row] of rows.entries()) {
    const odds = labels[i] === 1 ? logOdds(model, row) : -logOdds(model, row);
    // log(1 + e^-odds), which neither overflows nor loses what is small.
    sum += Math.max(0, -odds) + Math.log1p(Math.exp(-Math.abs(odds)));
  }
  return sum;
}

/** Hessian⁻¹ · gradient. */
function newtonStep(rows: readonly Float64Array[], labels: Uint8Array, weights: Float64Array): Float64Array {
  const width = weights.length;
  const last = width - 1;
  const gradient = new Float64Array(width);
  const hessian = Array.from({ length: width }, () => new Float64Array(width));
  for (let i = 0; i < last; i++) {
    gradient[i] = weights[i];
    hessian[i][i] = 1;
  }
  const model = { intercept: weights[last], weights: weights.subarray(0, last) };
  const full = new Float64Array(width);
  full[last] = 1;
  for (const [i, row] of rows.entries()) {
    full.set(row);
    const chance = 1 / (1 + Math.exp(-logOdds(model, row)));
    const [miss, spread] = [chance - labels[i], chance * (1 - chance)];
    for (let a = 0; a < width; a++) {
      const value = full[a];
      if (value === 0) continue;
      gradient[a] += miss * value;
      const line = hessian[a];
      const scaled = spread * value;
      for (let b = a; b < width; b++) line[b] += scaled * full[b];
    }
  }
  for (let a = 0; a < width; a++) for (let b = 0; b < a; b++) hessian[a][b] = hessian[b][a];
  return Float64Array.from(solve(new Matrix(hessian), Matrix.columnVector(gradient)).to1DArray());
}
