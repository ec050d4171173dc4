import type { AnalysisVerdict, Metric, RolloutPolicy } from '../../contract/rollout-policy.js';
import { hasEnded, NO_TALLY, type RolloutState, type Tally } from './state.js';

/** The metrics that are measured at this moment: those of the background from the first share on, those of an analysis while it lasts. */
export function liveMetrics(state: RolloutState): readonly Metric[] {
  if (hasEnded(state) || state.status === 'aborting' || state.shares.length === 0) return [];
  const { background, metrics } = state.policy;
  const blocking = blockingMetrics(state);
  return metrics.filter(({ name }) => background.includes(name) || blocking.includes(name));
}

/** Names of the metrics that the step under way waits for. */
export function blockingMetrics({
  policy,
  step,
  phase,
}: Pick<RolloutState, 'policy' | 'step' | 'phase'>): readonly string[] {
  const current = policy.steps.at(step);
  return current !== undefined && 'analysis' in current && phase === 'holding' ? current.analysis.metrics : [];
}

export function counted(before: Tally | undefined, verdict: AnalysisVerdict): Tally {
  const tally = before ?? NO_TALLY;
  if (verdict === 'error') return { ...tally, errors_in_a_row: tally.errors_in_a_row + 1 };
  return { ...tally, [verdict]: tally[verdict] + 1, errors_in_a_row: 0 };
}

/** What a tally means: more than is borne of something, or nothing yet. */
export function consequence(metric: Metric, tally: Tally): 'abort' | 'pause' | undefined {
  if (tally.fail > metric.failures) return 'abort';
  if (tally.inconclusive > metric.inconclusive || tally.errors_in_a_row > metric.errors) return 'pause';
  return undefined;
}

/** A metric without a measurement has not passed: nothing is taken for good because nobody looked. */
export function hasPassed(policy: RolloutPolicy, names: readonly string[], tallies: RolloutState['tallies']): boolean {
  return names.every((name) => {
    const metric = policy.metrics.find((each) => each.name === name);
    return metric !== undefined && (tallies[name]?.pass ?? 0) >= metric.count;
  });
}
