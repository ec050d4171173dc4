import { normalCritical, normalTwoSided } from '../../drift/statistics/tail-probability.js';

/** How fast the error that is allowed is used up: O'Brien-Fleming spares it for the end, Pocock spends it evenly. */
export type Spending = 'obrien-fleming' | 'pocock';

/** Points of the integral over what has not crossed yet; odd, as Simpson's rule wants. */
const POINTS = 401;
/** Beyond it nothing is left to be spent that a double could tell. */
const LARGEST_Z = 8;

/** Of the error `alpha` (one side), how much may have been spent by the share `t` of the information: Lan and DeMets. */
export function spent(kind: Spending, alpha: number, t: number): number {
  if (t <= 0) return 0;
  if (t >= 1) return alpha;
  return kind === 'pocock' ? alpha * Math.log(1 + (Math.E - 1) * t) : 2 * upper(normalCritical(alpha) / Math.sqrt(t));
}

/**
 * How far from 0 a z value must lie at each look for the test to be over, for looks at the shares `times` of the information, two-sided with `alpha` in
 * all. What has not crossed until a look is carried on as a density of the Brownian motion, look by look (Armitage, McPherson and Rowe).
 */
export function boundaries(times: readonly number[], kind: Spending, alpha: number): readonly number[] {
  const found: number[] = [];
  let density: Density | undefined;
  let before = { t: 0, spent: 0 };
  for (const t of times) {
    if (!(t > before.t))
      throw new RangeError(`looks must be at growing shares of the information: ${times.join(', ')}`);
    const until = spent(kind, alpha / 2, t);
    const crossing = crossingOf(density, t - before.t);
    const z = solved((each) => crossing(each * Math.sqrt(t)), until - before.spent);
    found.push(z);
    density = carried(density, t - before.t, z * Math.sqrt(t));
    before = { t, spent: until };
  }
  return found;
}

/** Values of a density at points from −edge to edge, with the weights of Simpson's rule in them. */
interface Density {
  readonly edge: number;
  readonly masses: Float64Array;
}

function pointOf(edge: number, index: number): number {
  return -edge + (2 * edge * index) / (POINTS - 1);
}

/** P(not crossed before, and above `c` now). */
function crossingOf(density: Density | undefined, dt: number): (c: number) => number {
  const scale = Math.sqrt(dt);
  if (density === undefined) return (c) => upper(c / scale);
  return (c) => {
    let sum = 0;
    for (let i = 0; i < POINTS; i++) sum += density.masses[i] * upper((c - pointOf(density.edge, i)) / scale);
    return sum;
  };
}

function carried(density: Density | undefined, dt: number, edge: number): Density {
  const masses = new Float64Array(POINTS);
  const step = (2 * edge) / (POINTS - 1);
  const normal = (x: number): number => Math.exp((-x * x) / (2 * dt)) / Math.sqrt(2 * Math.PI * dt);
  for (let i = 0; i < POINTS; i++) {
    const x = pointOf(edge, i);
    let value = 0;
    if (density === undefined) value = normal(x);
    else for (let j = 0; j < POINTS; j++) value += density.masses[j] * normal(x - pointOf(density.edge, j));
    const weight = i === 0 || i === POINTS - 1 ? 1 : i % 2 === 1 ? 4 : 2;
    masses[i] = (value * weight * step) / 3;
  }
  return { edge, masses };
}

/** The z at which a falling function has this value. */
function solved(falling: (z: number) => number, value: number): number {
  let [low, high] = [0, LARGEST_Z];
  if (falling(high) >= value) return LARGEST_Z;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (falling(middle) > value) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function upper(z: number): number {
  const tail = normalTwoSided(z) / 2;
  return z >= 0 ? tail : 1 - tail;
}
