import type { DesiredState } from '../../contract/desired-state.js';
import { type KnownNode, PATIENCE, type Patience } from './convergence.js';
import { fencedWrite } from './fenced-write.js';
import { type PlaceableNode, type PlacementPlan, place } from './placement.js';
import type { Quarantine } from './quarantine.js';

export interface FleetNode extends KnownNode {
  readonly quarantine: Quarantine;
}

export interface Reconciliation {
  /** To be written over `current`, by compare-and-set; undefined: it is as it should be, or a later leader has written it. */
  readonly next: DesiredState | undefined;
  /** The capacity view: who has it, who cannot, and why. */
  readonly plans: readonly PlacementPlan[];
}

/**
 * What the leader does for one model at every look, with nothing remembered from the look before: so it does not matter which leader looks, or for how
 * long none did. A node that went away, is drained or has no room for it shows as a placement that is not the one that is written.
 */
export function reconcile(
  model: string,
  current: DesiredState,
  nodes: readonly FleetNode[],
  term: number,
  now_ms: number,
  patience = PATIENCE,
): Reconciliation {
  const plans = place(
    current.placements,
    nodes.map((node) => placeable(model, node, now_ms, patience)),
  );
  const placements = plans.map(({ placement }) => placement);
  const isSame = JSON.stringify(placements) === JSON.stringify(current.placements);
  const { pinned, limits } = current;
  return { plans, next: isSame ? undefined : fencedWrite(current, term, { placements, pinned, limits }) };
}

/** What the model itself takes is room that it may use again. */
function placeable(model: string, node: FleetNode, now_ms: number, { silent_ms }: Patience): PlaceableNode {
  const { name, labels, mode, status, heard_ms, quarantine } = node;
  const versions = status?.models[model]?.versions ?? [];
  const own_bytes = versions.reduce((sum, { memory_bytes }) => sum + memory_bytes, 0);
  const isHeard = status !== undefined && now_ms - heard_ms <= silent_ms;
  return {
    name,
    labels,
    mode,
    isAvailable: isHeard && quarantine.until_ms === null,
    memory_bytes: status?.memory_bytes ?? 0,
    taken_bytes: Math.max(0, (status?.memory_used_bytes ?? 0) - own_bytes),
    hasModel: versions.length > 0,
  };
}
