import {
  type DesiredVersion,
  type Labels,
  matches,
  type NodeMode,
  type Placement,
} from '../../contract/desired-state.js';

/** A node as placement sees it. */
export interface PlaceableNode {
  readonly name: string;
  readonly labels: Labels;
  readonly mode: NodeMode;
  /** It has been heard of lately, and is not in quarantine. */
  readonly isAvailable: boolean;
  /** Budget for models, and what all other models take of it. */
  readonly memory_bytes: number;
  readonly taken_bytes: number;
  /** It has been given this model already. */
  readonly hasModel: boolean;
}

export interface Refusal {
  readonly node: string;
  readonly reason: string;
}

export interface PlacementPlan {
  readonly placement: Placement;
  readonly nodes: readonly string[];
  /** Every node that matches and does not get it, with the reason: the capacity view. */
  readonly refused: readonly Refusal[];
  /** How many replicas have no node. */
  readonly missing: number;
}

/**
 * Memory for a placement: all of its versions, and the largest once more, because a swap holds the old version beside the new one. Without that room
 * every swap would have to give up its way back first.
 */
export function needed_bytes(versions: readonly DesiredVersion[]): number {
  const sizes = versions.map(({ memory_bytes }) => memory_bytes ?? 0);
  return sizes.reduce((sum, size) => sum + size, Math.max(0, ...sizes));
}

/** Where each placement goes. A node belongs to the first that matches it, as the nodes themselves decide it. */
export function place(placements: readonly Placement[], nodes: readonly PlaceableNode[]): readonly PlacementPlan[] {
  const owned = new Set<string>();
  return placements.map((placement) => {
    const mine = nodes.filter(({ name, labels }) => !owned.has(name) && matches(placement.selector, labels));
    for (const { name } of mine) owned.add(name);
    return planned(placement, mine);
  });
}

function planned(placement: Placement, nodes: readonly PlaceableNode[]): PlacementPlan {
  if (placement.versions.length === 0) {
    return { placement: { ...placement, assigned: [], excluded: [] }, nodes: [], refused: [], missing: 0 };
  }
  const need_bytes = needed_bytes(placement.versions);
  const refused: Refusal[] = [];
  const able = nodes.filter((node) => {
    const reason = refusal(node, need_bytes, placement.replicas === 'all');
    if (reason !== undefined) refused.push({ node: node.name, reason });
    return reason === undefined;
  });
  if (placement.replicas === 'all') {
    const excluded = refused.map(({ node }) => node).sort();
    return {
      placement: { ...placement, assigned: [], excluded },
      nodes: able.map(({ name }) => name),
      refused,
      missing: 0,
    };
  }
  const chosen = able.toSorted((a, b) => preference(a, b, placement.assigned)).slice(0, placement.replicas);
  const assigned = chosen.map(({ name }) => name).sort();
  const spare = able.filter(({ name }) => !assigned.includes(name));
  refused.push(...spare.map(({ name }) => ({ node: name, reason: `${placement.replicas} other nodes were chosen` })));
  const missing = placement.replicas - assigned.length;
  return { placement: { ...placement, assigned, excluded: [] }, nodes: assigned, refused, missing };
}

/** Who has it keeps it: moving costs a load. Then the node with the most room, and the name, so that every leader decides the same. */
function preference(a: PlaceableNode, b: PlaceableNode, assigned: readonly string[]): number {
  const kept = Number(assigned.includes(b.name)) - Number(assigned.includes(a.name));
  if (kept !== 0) return kept;
  const room = b.memory_bytes - b.taken_bytes - (a.memory_bytes - a.taken_bytes);
  return room !== 0 ? room : a.name < b.name ? -1 : 1;
}

/** Why a node cannot have it; undefined: it can. A node that is only away keeps what is for everybody, and acts on it when it is back. */
function refusal(node: PlaceableNode, need_bytes: number, isForAll: boolean): string | undefined {
  if (node.mode === 'draining') return 'it is being drained: end that with mode active';
  // Nothing is known of its memory now, and taking away what it serves would only be heard when it is back.
  if (!node.isAvailable) return isForAll ? undefined : 'it has not been heard of, or is in quarantine';
  if (!node.hasModel && node.mode !== 'active') return `its mode is ${node.mode}: it takes no new model`;
  const room_bytes = node.memory_bytes - node.taken_bytes;
  if (need_bytes <= room_bytes || node.hasModel) return undefined;
  if (need_bytes > node.memory_bytes) {
    return `it needs ${need_bytes} bytes with room for a swap, and the node has ${node.memory_bytes} for all models`;
  }
  return `it needs ${need_bytes} bytes with room for a swap, and other models leave ${room_bytes} of ${node.memory_bytes}`;
}
