import type { LogPolicy } from '../../contract/log-policy.js';
import type { LogLayout } from '../../contract/prediction-record.js';
import type { ServedVersion } from '../model/served-version.js';
import { checkListed, type FeaturePlan, planFeatures } from './feature-plan.js';
import { type OutcomePlan, planOutcome } from './outcome-plan.js';

/** What the log needs to know of a version, worked out once when it is announced. */
export interface LogPlan {
  readonly layout: LogLayout;
  readonly features: FeaturePlan;
  readonly outcome: OutcomePlan;
  readonly policy: LogPolicy;
  /** 0: nothing is logged; 1: everything is. */
  readonly share: number;
}

/** Throws INVALID_CONFIG for names in the manifest's `log` that the model does not have. */
export function planLog({ model, version, signature, manifest, batching }: ServedVersion): LogPlan {
  const policy = manifest.log;
  const batched = batching.max_batch > 0;
  const states = { inputs: new Set<string>(), outputs: new Set<string>() };
  for (const { input, output } of manifest.state) {
    states.inputs.add(input);
    states.outputs.add(output);
  }
  const given = signature.inputs.filter(
    ({ name }) => !states.inputs.has(name) && !Object.hasOwn(manifest.constants, name),
  );
  const answered = signature.outputs.filter(({ name }) => !states.outputs.has(name));
  checkListed(given, batched, policy);
  const features = planFeatures(given, batched, policy);
  const outcome = planOutcome(answered, batched, policy, manifest.labels);
  const layout: LogLayout = {
    model,
    version,
    features: features.features.map(({ name, kind, input, element, privacy }) => ({
      name,
      kind,
      input,
      element,
      privacy,
    })),
    outputs: outcome.output_names,
    output_texts: outcome.text_names,
    classes: outcome.classes,
    score: outcome.scored,
    task: outcome.task,
    positive_class: outcome.positive_class,
    inputs: features.kept,
  };
  return { layout, features, outcome, policy, share: shareOf(policy) };
}

function shareOf({ predictions }: LogPolicy): number {
  if (predictions === 'all') return 1;
  return predictions === 'none' ? 0 : predictions;
}
