/** What is known of one arm: how many, their mean, and the variance of one of them. */
export interface Arm {
  readonly n: number;
  readonly mean: number;
  readonly variance: number;
}

/** The difference of the candidate from the champion, and the variance of that difference. */
export interface Difference {
  readonly by: number;
  readonly variance: number;
}

export type SequentialVerdict = 'pass' | 'fail' | 'inconclusive';

/**
 * An arm of so many events in so many trials. The variance is that of half an event more in one trial more: without any event it would be 0, and a
 * test would be sure after the first few.
 */
export function proportionArm(events: number, n: number): Arm {
  const rate = (events + 0.5) / (n + 1);
  return { n, mean: n === 0 ? 0 : events / n, variance: rate * (1 - rate) };
}

/** An arm from sums of values and of their squares, as a query gives them. */
export function meanArm(n: number, sum: number, sumOfSquares: number): Arm {
  if (n < 2) return { n, mean: n === 0 ? 0 : sum / n, variance: Number.POSITIVE_INFINITY };
  const mean = sum / n;
  return { n, mean, variance: Math.max(0, (sumOfSquares - n * mean * mean) / (n - 1)) };
}

/** How much worse the candidate is: above 0 is worse, whichever direction is better. */
export function worseBy(candidate: Arm, champion: Arm, better: 'higher' | 'lower'): Difference {
  const by = better === 'lower' ? candidate.mean - champion.mean : champion.mean - candidate.mean;
  return { by, variance: candidate.variance / candidate.n + champion.variance / champion.n };
}
