import {
  type DesiredVersion,
  matches,
  type Placement,
  type Selector,
  versionsFor,
} from '../../contract/desired-state.js';
import type { RolloutPolicy } from '../../contract/rollout-policy.js';
import type { Candidate, RolloutState, Share } from './state.js';

type Planned = Pick<RolloutState, 'base' | 'candidate' | 'policy'>;
type Labels = Placement['selector']['labels'];

export const EVERYONE: Selector = { labels: {} };

/** Why a rollout of this candidate cannot begin; undefined: it can. */
export function planProblem(
  base: readonly Placement[],
  candidate: Candidate,
  policy: RolloutPolicy,
): string | undefined {
  if (!base.some(({ versions }) => versions.length > 0))
    return 'nothing of this model is deployed: deploy a version first';
  if (base.some(({ versions }) => versions.some(({ version }) => version === candidate.version))) {
    return `version ${candidate.version} is deployed already`;
  }
  const waves = policy.steps.flatMap((step) => {
    if ('shadow' in step) return [step.shadow.nodes];
    if ('warm' in step) return [step.warm.nodes];
    return 'weight' in step ? [step.weight.nodes] : [];
  });
  const isSplit = waves.some(({ labels }) => Object.keys(labels).length > 0);
  if (isSplit && base.some(({ replicas }) => replicas !== 'all')) {
    return 'a deployment with a number of replicas cannot be rolled out by waves of nodes: leave out the nodes of the steps';
  }
  return undefined;
}

/** The same nodes get another share; who named every node named all the waves before. Of two that a node matches, the first counts. */
export function withShare(shares: readonly Share[], share: Share): readonly Share[] {
  if (isEveryone(share.nodes)) return [share];
  const same = JSON.stringify(share.nodes.labels);
  return [share, ...shares.filter(({ nodes }) => JSON.stringify(nodes.labels) !== same)];
}

/** The candidate is loaded where it is not yet; who has a share of it keeps that. */
export function withWarmed(shares: readonly Share[], nodes: Selector): readonly Share[] {
  const same = JSON.stringify(nodes.labels);
  const hasIt = shares.some((each) => isEveryone(each.nodes) || JSON.stringify(each.nodes.labels) === same);
  return hasIt ? shares : [...shares, { nodes, kind: 'warm', percent: 0 }];
}

/** What should be, with these shares of the candidate: weights of each placement sum to 100, and the versions of before stay. */
export function placementsWith({ base, candidate, policy }: Planned, shares: readonly Share[]): Placement[] {
  return base.flatMap((placement) => {
    if (placement.versions.length === 0) return [placement];
    const waves = shares.flatMap((share) => {
      const labels = both(placement.selector.labels, share.nodes.labels);
      if (labels === undefined) return [];
      const versions = mixed(placement.versions, candidate, share, policy.routes);
      return [{ ...placement, selector: { ...placement.selector, labels }, versions }];
    });
    return shares.some(({ nodes }) => isEveryone(nodes)) ? waves : [...waves, placement];
  });
}

/** What should be at the end: the candidate in the place of the champion, and nothing else of before but shadows. */
export function promotedPlacements({ base, candidate }: Planned): Placement[] {
  return base.map((placement) => {
    if (placement.versions.length === 0) return placement;
    const routes = placement.versions.find(({ role }) => role === 'champion')?.routes ?? [];
    const shadows = placement.versions.filter(({ role }) => role === 'shadow');
    const champion: DesiredVersion = { ...candidate, weight: 100, role: 'champion', routes };
    return { ...placement, versions: [champion, ...shadows] };
  });
}

interface Named {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether a node is to have the candidate by what is written. */
export function isMeant(placements: readonly Placement[], candidate: Candidate, node: Named): boolean {
  return versionsFor({ placements: [...placements] }, node).some(({ digest }) => digest === candidate.digest);
}

export function isOfWave(nodes: Selector, node: Named): boolean {
  return matches(nodes, node.labels);
}

function isEveryone({ labels }: Selector): boolean {
  return Object.keys(labels).length === 0;
}

function mixed(
  before: readonly DesiredVersion[],
  candidate: Candidate,
  { kind, percent }: Share,
  routes: readonly string[],
): DesiredVersion[] {
  const total = before.reduce((sum, { role, weight }) => sum + (role === 'shadow' ? 0 : weight), 0);
  const given = kind === 'weight' ? percent : 0;
  const isAll = given === 100;
  const kept = before.map((each): DesiredVersion => {
    if (each.role === 'shadow') return each;
    // A champion without a weight is not a state that a node takes: at 100 the candidate is the champion, and the old one waits beside it.
    return isAll ? { ...each, role: 'canary', weight: 0 } : { ...each, weight: (each.weight * (100 - given)) / total };
  });
  const role = kind === 'shadow' ? 'shadow' : isAll ? 'champion' : 'canary';
  const forced = kind === 'shadow' ? [] : [...routes];
  return [...kept, { ...candidate, weight: given, role, routes: forced }];
}

/** Labels that a node has when it has both; undefined: none can. */
function both(a: Labels, b: Labels): Labels | undefined {
  const all: Labels = { ...a };
  for (const [name, wanted] of Object.entries(b)) {
    const other = all[name];
    if (other === undefined) {
      all[name] = wanted;
      continue;
    }
    const common = [other].flat().filter((value) => [wanted].flat().includes(value));
    if (common.length === 0) return undefined;
    all[name] = common.length === 1 ? common[0] : common;
  }
  return all;
}
