import type { Role } from './desired-state.js';
import { murmur3 } from './murmur3.js';

/** One version that this node can answer with. */
export interface RouteEntry {
  readonly version: number;
  readonly weight: number;
  readonly role: Role;
  readonly routes: readonly string[];
}

/** What a request says about where it wants to go. */
export interface RouteWish {
  /** Header `tidegate-version`, or the version in the path. */
  readonly version?: number | undefined;
  /** Header `tidegate-route`. */
  readonly route?: string | undefined;
  /** Header `tidegate-key`: requests with the same key go to the same version as long as weights allow. */
  readonly key?: string | undefined;
  /** At random in [0, 1): decides for requests without a key. Given, so that the choice is a pure function. */
  readonly draw: number;
}

export type RouteChoice =
  | { readonly kind: 'chosen'; readonly version: number; readonly by: 'version' | 'route' | 'key' | 'weight' }
  | { readonly kind: 'unknown-version' | 'unknown-route' | 'nothing-serves' };

interface Weighed {
  readonly version: number;
  readonly weight: number;
  readonly seed: number;
}

/** The versions of one model on one node, prepared once: a choice then costs one hash a version, and none without a key. */
export interface RouteTable {
  readonly entries: readonly RouteEntry[];
  /** Versions that get a copy of each request, and whose answers nobody waits for. */
  readonly shadows: readonly number[];
  readonly weighed: readonly Weighed[];
  readonly total: number;
}

const encoder = new TextEncoder();
/** Keys are short: an array for each would cost more than the hash. Used up before the next call can begin. */
const scratch = new Uint8Array(768);

function encoded(key: string): Uint8Array {
  // Three bytes are the most that one UTF-16 unit becomes.
  if (key.length * 3 > scratch.length) return encoder.encode(key);
  return scratch.subarray(0, encoder.encodeInto(key, scratch).written);
}

export function routeTable(model: string, entries: readonly RouteEntry[]): RouteTable {
  const weighed = entries
    .filter(({ role, weight }) => role !== 'shadow' && weight > 0)
    .map(({ version, weight }) => ({ version, weight, seed: murmur3(encoder.encode(`${model}/${version}`), 0) }))
    // The order of the list decides nothing: two nodes that were told in another order must agree.
    .sort((a, b) => a.version - b.version);
  return {
    entries,
    shadows: entries.filter(({ role }) => role === 'shadow').map(({ version }) => version),
    weighed,
    total: weighed.reduce((sum, { weight }) => sum + weight, 0),
  };
}

/** What is forced is obeyed or refused, never replaced: who asks for version 3 must not get an answer of version 2. */
export function route(table: RouteTable, wish: RouteWish): RouteChoice {
  if (wish.version !== undefined) {
    const isThere = table.entries.some(({ version }) => version === wish.version);
    return isThere ? { kind: 'chosen', version: wish.version, by: 'version' } : { kind: 'unknown-version' };
  }
  if (wish.route !== undefined) {
    const name = wish.route;
    const named = table.entries.find(({ routes }) => routes.includes(name));
    return named === undefined ? { kind: 'unknown-route' } : { kind: 'chosen', version: named.version, by: 'route' };
  }
  if (table.weighed.length === 0) return { kind: 'nothing-serves' };
  if (wish.key !== undefined) return { kind: 'chosen', version: byKey(table.weighed, wish.key), by: 'key' };
  return { kind: 'chosen', version: byDraw(table, wish.draw), by: 'weight' };
}

/**
 * Weighted rendezvous hashing: each version gets a number from the key, exponentially distributed with its weight as the rate, and the smallest wins. So a
 * version wins exactly its share of the keys, and a key moves only to a version whose weight grew against that of its own: from 5 % to 10 % moves 5 %.
 */
function byKey(weighed: readonly Weighed[], key: string): number {
  if (weighed.length === 1) return weighed[0].version;
  const bytes = encoded(key);
  let winner = weighed[0].version;
  let least = Number.POSITIVE_INFINITY;
  for (const { version, weight, seed } of weighed) {
    // The half keeps 0 out: its logarithm would be infinite.
    const wait = -Math.log((murmur3(bytes, seed) + 0.5) / 0x1_0000_0000) / weight;
    if (wait < least) {
      least = wait;
      winner = version;
    }
  }
  return winner;
}

function byDraw({ weighed, total }: RouteTable, draw: number): number {
  let left = draw * total;
  for (const { version, weight } of weighed) {
    left -= weight;
    if (left < 0) return version;
  }
  // Rounding may leave a crumb.
  return weighed[weighed.length - 1].version;
}
