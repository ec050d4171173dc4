import type { AnalysisVerdict, Metric } from '../../../contract/rollout-policy.js';
import { boundaries } from '../sequential/alpha-spending.js';
import { proportionArm, worseBy } from '../sequential/arms.js';
import { mixtureVerdict } from '../sequential/mixture-test.js';

/** A share as it was counted. Rows of which only some were logged count for as many as they stand for. */
export interface CountedArm {
  /** Rows that were read. */
  readonly samples: number;
  readonly numerator: number;
  readonly denominator: number;
  /** Sum of the squares of what each row counts for: tells how many rows of equal weight it is worth. */
  readonly squares: number;
}

/** What a test knows from its looks before; kept with each measurement. */
export interface Looks {
  readonly low: number;
  readonly high: number;
  /** Shares of the planned samples at which it was looked at. */
  readonly times: readonly number[];
}
export const NO_LOOKS: Looks = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, times: [] };

export interface Judged {
  readonly verdict: AnalysisVerdict;
  readonly because: string;
  readonly looks: Looks;
}

/** `champion` undefined: the measurement has one arm, and its rule is a limit. */
export function judged(
  metric: Metric,
  candidate: CountedArm,
  champion: CountedArm | undefined,
  looks: Looks = NO_LOOKS,
): Judged {
  const fewest = Math.min(candidate.samples, champion?.samples ?? candidate.samples);
  if (fewest < metric.min_samples) {
    const verdict = metric.no_data === 'pause' ? 'inconclusive' : metric.no_data;
    const because = `${fewest} samples of ${metric.min_samples}, and no_data is ${metric.no_data}`;
    return { verdict, because, looks };
  }
  const { above, below, test } = metric.rule;
  const value = rateOf(candidate);
  if (test === undefined) {
    const isBad = above === undefined ? value <= (below ?? value) : value >= above;
    const limit = above === undefined ? `below: ${below}` : `above: ${above}`;
    return { verdict: isBad ? 'fail' : 'pass', because: `${shown(value)}, bad is ${limit}`, looks };
  }
  if (champion === undefined) return { verdict: 'error', because: 'a test needs a champion beside it', looks };
  return compared(test, candidate, champion, looks);
}

function compared(
  test: NonNullable<Metric['rule']['test']>,
  candidate: CountedArm,
  champion: CountedArm,
  looks: Looks,
): Judged {
  const worse = worseBy(armOf(candidate), armOf(champion), test.better);
  const figures = `${shown(rateOf(candidate))} beside ${shown(rateOf(champion))} of the champion`;
  if (test.kind === 'msprt') {
    const rule = { margin: test.margin, mixture: test.mixture_variance, alpha: test.alpha };
    const { verdict, low, high } = mixtureVerdict(worse, rule, looks);
    const because = `${figures}: worse by ${shown(low)} to ${shown(high)}, ${test.margin} is allowed`;
    return { verdict, because, looks: { ...looks, low, high } };
  }
  const time = Math.min(1, effective(candidate) / (test.samples ?? Number.POSITIVE_INFINITY));
  // Nothing new has come: another look would spend what is left for nothing.
  if (!(time > (looks.times.at(-1) ?? 0)))
    return { verdict: 'inconclusive', because: `${figures}: nothing new`, looks };
  const times = [...looks.times, time];
  const bound = boundaries(times, test.boundary, test.alpha).at(-1) ?? Number.POSITIVE_INFINITY;
  const z = (worse.by - test.margin) / Math.sqrt(worse.variance);
  const because = `${figures}: z is ${shown(z)}, and the boundary of look ${times.length} is ${shown(bound)}`;
  return { verdict: z > bound ? 'fail' : z < -bound ? 'pass' : 'inconclusive', because, looks: { ...looks, times } };
}

function rateOf({ numerator, denominator }: CountedArm): number {
  return numerator / denominator;
}

/** How many rows of equal weight say as much (Kish). */
function effective({ denominator, squares }: CountedArm): number {
  return squares === 0 ? 0 : (denominator * denominator) / squares;
}

function armOf(arm: CountedArm): ReturnType<typeof proportionArm> {
  const n = effective(arm);
  return proportionArm(rateOf(arm) * n, n);
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
