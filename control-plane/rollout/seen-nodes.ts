import { type KnownNode, PATIENCE, type Patience } from '../fleet/convergence.js';
import type { RolloutNode } from './observation.js';

/** What a rollout needs to know of the nodes, from their last reports. One in maintenance is not waited for, as one that is silent is not. */
export function seenNodes(
  model: string,
  nodes: readonly KnownNode[],
  now_ms: number,
  { silent_ms }: Pick<Patience, 'silent_ms'> = PATIENCE,
): readonly RolloutNode[] {
  return nodes.map(({ name, labels, mode, status, heard_ms }) => {
    const observed = status?.models[model];
    const versions = observed?.versions ?? [];
    const broken = versions.filter(({ state, quarantined }) => state === 'failed' || quarantined);
    return {
      name,
      labels,
      isReachable: status !== undefined && mode !== 'maintenance' && now_ms - heard_ms < silent_ms,
      epoch: observed?.epoch ?? 0,
      ready: versions.filter(({ state }) => state === 'ready').map(({ digest }) => digest),
      failed: Object.fromEntries(broken.map(({ digest, reason }) => [digest, reason ?? 'it failed, and says no more'])),
    };
  });
}
