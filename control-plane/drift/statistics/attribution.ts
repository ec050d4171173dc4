import { shares } from './histogram-distance.js';
import { absent, emptySide, type Measurement, measured, sumOf } from './measurement.js';

/** Which group of rows a histogram is of: the rows of a node, a version, or a value of a segment. */
export interface Group {
  readonly name: string;
  /** The group's rows by bin, in the window. */
  readonly current: ArrayLike<number>;
  /** Its rows in the reference, where they are known; otherwise all groups are compared with the whole reference. */
  readonly reference?: ArrayLike<number>;
}

export interface Contribution {
  readonly name: string;
  /** Part of the Jensen-Shannon divergence (in nats) that goes away in the mean over all orders in which groups can be left out. All parts add up to `total`. */
  readonly part: number;
  /** part / total; may be below 0 for a group that hides drift. 0 where there is no drift. */
  readonly share: number;
  /** Rows of the group in the window. */
  readonly rows: number;
}

export interface Attribution {
  /** Jensen-Shannon divergence (nats: the square of the distance) of the window from what its groups would be without drift. All parts add up to it. */
  readonly total: number;
  /** Divergence of the window from the reference. Differs from `total` only where groups have references of their own and their mix has changed. */
  readonly whole: number;
  /** By falling part. */
  readonly contributions: readonly Contribution[];
}

/** Up to so many groups every subset is looked at; more are first merged into `OTHERS`. */
export const MOST_EXACT = 10;
export const OTHERS = '(others)';

/**
 * Shapley values of the divergence. The game: a group that takes part has its current rows, one that does not has the same number of rows spread as the
 * reference (its own where known). Nobody: no drift. All: the window. So parts add up to the divergence of the window, groups that are alike get the same, and a
 * group whose rows lie as in its reference gets nothing.
 */
export function attributeToGroups(
  reference: ArrayLike<number>,
  groups: readonly Group[],
): Attribution | { readonly absence: 'noData' | 'noReference' } {
  const present = merged(groups.filter(({ current }) => sumOf(current) > 0));
  const rows = present.reduce((sum, { current }) => sum + sumOf(current), 0);
  const empty = emptySide(sumOf(reference), rows);
  if (empty === 'noData' || empty === 'noReference') return { absence: empty };
  const players = present.map((group) => playerOf(group, reference, rows));
  const base = mixture(players, 0);
  const values = Float64Array.from({ length: 2 ** players.length }, (_, taking) =>
    divergence(base, mixture(players, taking)),
  );
  const total = values[values.length - 1];
  const weights = shapleyWeights(players.length);
  const contributions = present.map((group, at): Contribution => {
    let part = 0;
    for (let others = 0; others < values.length; others++) {
      if ((others & (1 << at)) !== 0) continue;
      part += weights[bitCount(others)] * (values[others | (1 << at)] - values[others]);
    }
    return { name: group.name, part, share: total > 0 ? part / total : 0, rows: sumOf(group.current) };
  });
  const window = mixture(players, values.length - 1);
  const whole = divergence(shares(reference), window);
  return { total, whole, contributions: contributions.sort((a, b) => b.part - a.part || (a.name < b.name ? -1 : 1)) };
}

interface Player {
  /** Shares of all rows of the window, by bin: as the group is now, and as it would be without drift. */
  readonly moved: Float64Array;
  readonly calm: Float64Array;
}

function playerOf({ current, reference: own }: Group, whole: ArrayLike<number>, rows: number): Player {
  const like = own !== undefined && sumOf(own) > 0 ? own : whole;
  const weight = sumOf(current) / rows;
  const total = sumOf(like);
  return {
    moved: Float64Array.from(current, (count) => count / rows),
    calm: Float64Array.from(like, (count) => (weight * count) / total),
  };
}

/** The distribution when the groups of the bits `taking` are as they are now, and the rest as without drift. */
function mixture(players: readonly Player[], taking: number): Float64Array {
  const out = new Float64Array(players[0].moved.length);
  for (const [at, player] of players.entries()) {
    const part = (taking & (1 << at)) !== 0 ? player.moved : player.calm;
    for (let bin = 0; bin < out.length; bin++) out[bin] += part[bin];
  }
  return out;
}

function divergence(p: Float64Array, c: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const middle = (p[i] + c[i]) / 2;
    if (p[i] > 0) sum += 0.5 * p[i] * Math.log(p[i] / middle);
    if (c[i] > 0) sum += 0.5 * c[i] * Math.log(c[i] / middle);
  }
  return Math.max(0, sum);
}

/** Weight of a marginal contribution to a set of s others: s!·(n − s − 1)!/n!. */
function shapleyWeights(players: number): Float64Array {
  const out = new Float64Array(players);
  for (let s = 0; s < players; s++) {
    let choose = 1;
    for (let i = 0; i < s; i++) choose = (choose * (players - 1 - i)) / (i + 1);
    out[s] = 1 / (players * choose);
  }
  return out;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The largest groups, and one of all others. */
function merged(groups: readonly Group[]): readonly Group[] {
  if (groups.length <= MOST_EXACT) return groups;
  const sorted = [...groups].sort((a, b) => sumOf(b.current) - sumOf(a.current));
  const rest = sorted.slice(MOST_EXACT - 1);
  const add = (of: (group: Group) => ArrayLike<number> | undefined): Float64Array => {
    const sum = new Float64Array(rest[0].current.length);
    for (const group of rest) {
      const counts = of(group);
      for (let i = 0; i < sum.length; i++) sum[i] += counts?.[i] ?? 0;
    }
    return sum;
  };
  const isKnown = rest.every(({ reference }) => reference !== undefined);
  const others: Group = {
    name: OTHERS,
    current: add(({ current }) => current),
    ...(isKnown ? { reference: add(({ reference }) => reference) } : {}),
  };
  return [...sorted.slice(0, MOST_EXACT - 1), others];
}

export interface BinContribution {
  readonly bin: number;
  readonly part: number;
  readonly share: number;
}

/** Which bins make a sum over bins (`psiTerms`, `jensenShannonTerms`): by falling part, parts adding up to the measure. */
export function rankBins(terms: Float64Array): readonly BinContribution[] {
  const total = sumOf(terms);
  return Array.from(terms, (part, bin) => ({ bin, part, share: total > 0 ? part / total : 0 })).sort(
    (a, b) => b.part - a.part || a.bin - b.bin,
  );
}

export interface FeatureShare {
  readonly feature: string;
  readonly value: number;
  /** Of the sum over all features. */
  readonly share: number;
}

/** Features by how much of a measure they have. Features without a number are left out. */
export function rankFeatures(
  features: readonly { readonly feature: string; readonly measurement: Measurement }[],
): readonly FeatureShare[] {
  const known = features.flatMap(({ feature, measurement }) =>
    measurement.absence === undefined ? [{ feature, value: Math.abs(measurement.value) }] : [],
  );
  const total = known.reduce((sum, { value }) => sum + value, 0);
  return known
    .map(({ feature, value }) => ({ feature, value, share: total > 0 ? value / total : 0 }))
    .sort((a, b) => b.value - a.value || (a.feature < b.feature ? -1 : 1));
}

/** The Jensen-Shannon distance of the window that was attributed. */
export function attributedDistance(
  attribution: Attribution | { readonly absence: 'noData' | 'noReference' },
): Measurement {
  if ('absence' in attribution) return absent(attribution.absence);
  return measured(Math.sqrt(attribution.whole), { error: 0 });
}
