/** Scores of two versions for the same rows, with what these turned out to be. */
export interface PairedScores {
  readonly first: Float64Array;
  readonly second: Float64Array;
  /** 1: positive. */
  readonly labels: Uint8Array;
}

export interface Difference {
  readonly first: number;
  readonly second: number;
  /** second − first */
  readonly difference: number;
  readonly standard_error: number;
}

/** Mean rank of each value among all of them, ties sharing theirs. */
function midranks(values: Float64Array): Float64Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}

interface Components {
  readonly auroc: number;
  /** For each positive, the share of negatives that it is above; for each negative, of positives above it. */
  readonly positives: Float64Array;
  readonly negatives: Float64Array;
}

/** Structural components of DeLong, from ranks (Sun and Xu 2014): n·log n instead of positives × negatives. */
function componentsOf(scores: Float64Array, labels: Uint8Array): Components {
  const [positive, negative] = [scores.filter((_, i) => labels[i] === 1), scores.filter((_, i) => labels[i] !== 1)];
  const [m, n] = [positive.length, negative.length];
  const all = midranks(concatenated(positive, negative));
  const [ownPositive, ownNegative] = [midranks(positive), midranks(negative)];
  const positives = ownPositive.map((rank, i) => (all[i] - rank) / n);
  const negatives = ownNegative.map((rank, i) => 1 - (all[m + i] - rank) / m);
  return { auroc: mean(positives), positives, negatives };
}

function concatenated(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * The difference of two AUROCs on the same rows, and its standard error, which knows that the scores go together (DeLong, DeLong and Clarke-Pearson 1988). Needs two rows of
 * each class.
 */
export function pairedAuroc({ first, second, labels }: PairedScores): Difference {
  const [a, b] = [componentsOf(first, labels), componentsOf(second, labels)];
  const spread = (of: 'positives' | 'negatives') => variance(a[of].map((value, i) => b[of][i] - value)) / a[of].length;
  const standard_error = Math.sqrt(spread('positives') + spread('negatives'));
  return { first: a.auroc, second: b.auroc, difference: b.auroc - a.auroc, standard_error };
}

/** The difference of two means over the same rows. */
export function pairedMeans(first: Float64Array, second: Float64Array): Difference {
  const differences = second.map((value, i) => value - first[i]);
  const standard_error = Math.sqrt(variance(differences) / differences.length);
  return { first: mean(first), second: mean(second), difference: mean(differences), standard_error };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: Float64Array): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
