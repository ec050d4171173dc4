import type { Measurements } from './binned.js';
import { rate } from './binned.js';
import { chiSquaredContingency, chiSquaredGoodness, proportions } from './chi-squared.js';
import { hellinger, jensenShannon, lInfinity, psi } from './histogram-distance.js';
import { absent, emptySide, type Measure, type Measurement, measured, sumOf } from './measurement.js';
import { histogram, sturgesEdges } from './numpy-bins.js';
import {
  type CategoricalSample,
  type CountPair,
  categoryCounts,
  distinctValues,
  type NumericSample,
  valueCounts,
} from './sample.js';
import { kolmogorovSmirnov, wasserstein, wassersteinNormed } from './sample-distance.js';

/** Evidently bins by Sturges from more distinct values of the reference than this on; up to it each value is a bin. */
const MOST_VALUES = 20;
const MOST_SMALL = 1000;
const MOST_CATEGORIES = 5;

/** Which measure Evidently takes by itself: from rows of the reference and distinct values of both sides. */
export function evidentlyChoice(kind: 'numeric' | 'categorical', rows: number, distinct: number): Measure {
  if (kind === 'numeric' && distinct > MOST_CATEGORIES) {
    return rows > MOST_SMALL ? 'wassersteinNormed' : 'kolmogorovSmirnov';
  }
  if (rows > MOST_SMALL) return 'jensenShannon';
  return distinct > 2 ? 'chiSquared' : 'proportions';
}

/** Counts over Evidently's bins of a numeric column: they follow both samples, the current one too. */
export function evidentlyBins(reference: Float64Array, current: Float64Array, isInteger: boolean): CountPair {
  if (distinctValues(reference).length <= MOST_VALUES) return valueCounts(reference, current);
  const edges = sturgesEdges(merged(reference, current), isInteger);
  return [histogram(reference, edges), histogram(current, edges)];
}

function merged(left: Float64Array, right: Float64Array): Float64Array {
  const all = new Float64Array(left.length + right.length);
  all.set(left);
  all.set(right, left.length);
  return all.sort();
}

/** Its Hellinger distance takes the edges from the distinct values, whatever their number. */
function numericHellinger(reference: Float64Array, current: Float64Array, isInteger: boolean): Measurement {
  const edges = sturgesEdges(distinctValues(merged(reference, current)), isInteger);
  return hellinger(histogram(reference, edges), histogram(current, edges));
}

/**
 * A z-test where a column has at most two values; Evidently tests whether a row is other than the first one. A column of one and the same value on
 * both sides has p = 1.
 */
function twoValues([p, c]: CountPair): Measurement {
  if (p.length === 1) return measured(0, { p: 1, error: 0 });
  const [n, m] = [sumOf(p), sumOf(c)];
  return proportions({ hits: n - p[0], n }, { hits: m - c[0], n: m });
}

export interface Comparison {
  /** What Evidently would have decided by. */
  readonly choice: Measure;
  readonly measures: Measurements;
}

/** Two samples of a numeric column, exactly: equal to scipy and Evidently. `isInteger`: the column's type is one of whole numbers. */
export function compareNumeric(reference: NumericSample, current: NumericSample, isInteger = false): Comparison {
  const [p, c] = [reference.sorted, current.sorted];
  const empty = emptySide(p.length, c.length);
  const nullRate = rate(
    { hits: reference.nulls, n: p.length + reference.nulls + reference.infinities },
    { hits: current.nulls, n: c.length + current.nulls + current.infinities },
  );
  if (empty !== undefined) {
    const nothing = absent(empty);
    return { choice: 'kolmogorovSmirnov', measures: { kolmogorovSmirnov: nothing, psi: nothing, nullRate } };
  }
  const [binsP, binsC] = evidentlyBins(p, c, isInteger);
  const values = valueCounts(p, c);
  const [first, last] = [p[0], p[p.length - 1]];
  const outside = c.reduce((count, value) => count + Number(value < first || value > last), 0);
  const choice = evidentlyChoice('numeric', p.length, values[0].length);
  return {
    choice,
    measures: {
      psi: psi(binsP, binsC),
      jensenShannon: jensenShannon(binsP, binsC),
      hellinger: numericHellinger(p, c, isInteger),
      lInfinity: lInfinity(binsP, binsC),
      kolmogorovSmirnov: kolmogorovSmirnov(p, c),
      wasserstein: wasserstein(p, c),
      wassersteinNormed: wassersteinNormed(p, c),
      ...(values[0].length <= MOST_CATEGORIES ? { chiSquared: chiSquaredGoodness(...values) } : {}),
      ...(values[0].length <= 2 ? { proportions: twoValues(values) } : {}),
      nullRate,
      rangeRate: rate({ hits: 0, n: p.length }, { hits: outside, n: c.length }),
    },
  };
}

/** Two samples of a categorical column, exactly: equal to scipy and Evidently. */
export function compareCategorical(reference: CategoricalSample, current: CategoricalSample): Comparison {
  const pair = categoryCounts(reference, current);
  let unseen = 0;
  for (const [name, count] of current.counts) if (!reference.counts.has(name)) unseen += count;
  return {
    choice: evidentlyChoice('categorical', reference.n, pair[0].length),
    measures: {
      psi: psi(...pair),
      jensenShannon: jensenShannon(...pair),
      hellinger: hellinger(...pair),
      lInfinity: lInfinity(...pair),
      chiSquared: chiSquaredGoodness(...pair),
      chiSquaredContingency: chiSquaredContingency(...pair),
      ...(pair[0].length <= 2 && pair[0].length > 0 ? { proportions: twoValues(pair) } : {}),
      nullRate: rate(
        { hits: reference.nulls, n: reference.n + reference.nulls },
        { hits: current.nulls, n: current.n + current.nulls },
      ),
      unseenRate: rate({ hits: 0, n: reference.n }, { hits: unseen, n: current.n }),
    },
  };
}
