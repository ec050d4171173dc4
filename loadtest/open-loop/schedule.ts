import { seededRandom } from '../../examples/learning/random.js';

/** A stretch of time in which the rate goes from one value to another in a straight line. */
export interface Phase {
  readonly name: string;
  readonly duration_ms: number;
  readonly from_per_s: number;
  readonly to_per_s: number;
}

export type Arrivals = 'poisson' | 'constant';

export interface Arrival {
  /** Since the beginning of the run. */
  readonly at_ms: number;
  readonly phase: number;
}

export interface Schedule {
  readonly phases: readonly Phase[];
  readonly arrivals: Arrivals;
  readonly seed: number;
  /** This schedule is one of `threads` that together make the whole load. */
  readonly thread: number;
  readonly threads: number;
}

/**
 * When requests are meant to start, whatever the server does. Arrivals are drawn on the scale of expected requests, on which the
 * rate is 1, and carried back to time; so a ramp is exact, and threads share a load without knowing of each other: constant
 * arrivals take turns, and Poisson processes add up to one.
 */
export function* arrivals(schedule: Schedule): Generator<Arrival> {
  const { phases, thread, threads } = schedule;
  const random = seededRandom(schedule.seed * 7919 + thread);
  const constant = schedule.arrivals === 'constant';
  const step = () => (constant ? threads : -Math.log(1 - random()) * threads);
  let next = constant ? thread + 0.5 : step();
  let began = 0;
  let began_ms = 0;
  for (const [phase, stretch] of phases.entries()) {
    const ends = began + expectedOf(stretch);
    for (; next < ends; next += step()) {
      yield { at_ms: began_ms + timeOf_ms(stretch, next - began), phase };
    }
    began = ends;
    began_ms += stretch.duration_ms;
  }
}

/** How many requests a phase brings on average. */
export function expectedOf(phase: Phase): number {
  return (((phase.from_per_s + phase.to_per_s) / 2) * phase.duration_ms) / 1000;
}

export function durationOf_ms(phases: readonly Phase[]): number {
  return phases.reduce((sum, { duration_ms }) => sum + duration_ms, 0);
}

/** When `expected` requests are due since the beginning of the phase: the rate's integral, inverted. */
function timeOf_ms(phase: Phase, expected: number): number {
  const { from_per_s, to_per_s, duration_ms } = phase;
  const slope = ((to_per_s - from_per_s) / duration_ms) * 1000;
  // This form of the quadratic's root holds for a slope of zero, and loses no digits near it.
  const root = Math.sqrt(Math.max(0, from_per_s * from_per_s + 2 * slope * expected));
  return Math.min(duration_ms, ((2 * expected) / (from_per_s + root)) * 1000);
}
