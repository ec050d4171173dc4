import { versionsFor } from '../../contract/desired-state.js';
import { isMeant } from './plan.js';
import type { RolloutState } from './state.js';

/** A node as a rollout sees it: what it last said of this model. */
export interface RolloutNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it has been heard lately; one that has not is not waited for, and gets what is desired when it comes back. */
  readonly isReachable: boolean;
  /** Of the desired state that it acts on. */
  readonly epoch: number;
  /** Digests of the versions that it could answer with at this moment. */
  readonly ready: readonly string[];
  /** Digests that it could not load, with why. */
  readonly failed: Readonly<Record<string, string>>;
}

/** Whether all that is written has come to every node that answers: they act on it, and the candidate is ready where it is meant to be. */
export function isSettled(state: RolloutState, nodes: readonly RolloutNode[]): boolean {
  const meant = meantNodes(state, nodes);
  return (
    meant.length > 0 && isHeard(state, nodes) && meant.every(({ ready }) => ready.includes(state.candidate.digest))
  );
}

/** Whether every node that answers and has to do with the model acts on what is written, whatever it could load of it. */
export function isHeard(state: RolloutState, nodes: readonly RolloutNode[]): boolean {
  return nodes
    .filter((node) => node.isReachable && versionsFor({ placements: state.written }, node).length > 0)
    .every(({ epoch }) => epoch >= state.epoch);
}

/** Why the candidate cannot be on a node that should have it, in words; undefined: nothing speaks against it. */
export function trouble(state: RolloutState, nodes: readonly RolloutNode[]): string | undefined {
  const { digest, version } = state.candidate;
  const broken = meantNodes(state, nodes).find(({ failed }) => failed[digest] !== undefined);
  return broken && `${broken.name} could not load version ${version}: ${broken.failed[digest]}`;
}

/** What a step waits for, in words. */
export function remainder(state: RolloutState, nodes: readonly RolloutNode[]): string {
  const meant = meantNodes(state, nodes);
  if (meant.length === 0) return 'no node that answers is named by the step';
  const late = meant.find(({ ready, epoch }) => epoch < state.epoch || !ready.includes(state.candidate.digest));
  return late === undefined
    ? `nodes have not acted on epoch ${state.epoch} yet`
    : `${late.name} does not have version ${state.candidate.version} ready`;
}

function meantNodes(state: RolloutState, nodes: readonly RolloutNode[]): readonly RolloutNode[] {
  return nodes.filter((node) => node.isReachable && isMeant(state.written, state.candidate, node));
}
