import type { FeatureViewSpec } from '../../contract/feature-view.js';

export interface ViewChange {
  /** What readers and stored values do not survive: another version of the view is needed. */
  readonly breaks: readonly string[];
  /** What changes, and hurts nobody. */
  readonly changes: readonly string[];
}

/** What another definition of a view means for those who use it now. */
export function viewChange(before: FeatureViewSpec, after: FeatureViewSpec): ViewChange {
  const breaks: string[] = [];
  const changes: string[] = [];
  if (before.entities.join() !== after.entities.join()) {
    breaks.push(
      `its key was ${before.entities.join(', ')} and is ${after.entities.join(', ')}: no stored value is found by it`,
    );
  }
  for (const feature of before.features) {
    const now = after.features.find(({ name }) => name === feature.name);
    if (now === undefined) breaks.push(`feature '${feature.name}' is gone: models that use it cannot be served`);
    else if (now.type !== feature.type) breaks.push(`feature '${feature.name}' was ${feature.type} and is ${now.type}`);
    else changes.push(...smallChanges(feature, now));
  }
  for (const { name } of after.features) {
    if (!before.features.some((feature) => feature.name === name)) changes.push(`feature '${name}' is new`);
  }
  if (before.ttl !== after.ttl) changes.push('values may be served for another time');
  return { breaks, changes };
}

/** Whether `after` may take the place of `before`: a change that breaks something needs a version above the one before. */
export function isAllowed(before: FeatureViewSpec, after: FeatureViewSpec): boolean {
  return viewChange(before, after).breaks.length === 0 || after.version > before.version;
}

type FeatureSpec = FeatureViewSpec['features'][number];

function smallChanges(before: FeatureSpec, after: FeatureSpec): string[] {
  const changes: string[] = [];
  if (JSON.stringify(before.default) !== JSON.stringify(after.default))
    changes.push(`the default of '${before.name}' is another one`);
  if (before.ttl !== after.ttl) changes.push(`'${before.name}' may be served for another time`);
  return changes;
}
