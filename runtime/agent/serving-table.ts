import type { DesiredVersion } from '../../contract/desired-state.js';
import type { AgentState } from './agent-state.js';

type Versions = readonly DesiredVersion[];

export function holds(versions: Versions, digest: string): boolean {
  return versions.some((each) => each.digest === digest);
}

function isChampion({ role, weight }: DesiredVersion): boolean {
  return role === 'champion' && weight > 0;
}

/**
 * What requests should go to, of what is ready. The switch to what is wanted waits for its champions: a canary that is ready first must not get the
 * champion's share. Until then what served goes on serving, without canaries and shadows that nobody wants any more.
 */
export function servingTable(state: AgentState): Versions {
  const { wanted, table, previous, copies } = state;
  const isReady = ({ digest }: DesiredVersion): boolean =>
    copies.some((copy) => copy.digest === digest && copy.phase === 'ready');
  if (wanted.length === 0) return [];
  const ready = wanted.filter(isReady);
  if (wanted.filter(isChampion).every(isReady)) return ready;
  const old = table.filter(isReady);
  const kept = old.filter((each) => each.role === 'champion' || holds(wanted, each.digest));
  if (kept.some(isChampion)) return kept;
  const fallback = previous.filter(isReady);
  if (fallback.some(isChampion)) return fallback.filter(({ role }) => role === 'champion');
  return ready.some(isChampion) ? ready : old;
}

/** What to keep for the way back when requests go elsewhere: the champions that they leave. */
export function previousAfter(state: AgentState, next: Versions): Versions {
  const left = state.table.filter((each) => each.role === 'champion' && !holds(next, each.digest));
  return left.length > 0 ? left : state.previous;
}
