import type { Arrivals, Phase } from './schedule.js';

/** One kind of request of a load, and how often it comes compared with the others. */
export interface LoadRequest {
  readonly model: string;
  readonly weight: number;
  /** The members of the request's JSON, without its braces: HTTP and WebSocket put different things around them. */
  readonly members: string;
  /** Raw tensors behind the JSON; empty for requests that are JSON alone. */
  readonly tensors: Uint8Array;
}

export type LoadFace = 'http' | 'websocket';

/** Everything that one load is, as data. Threads get it whole, with their number. */
export interface LoadPlan {
  readonly face: LoadFace;
  readonly host: string;
  readonly port: number;
  readonly phases: readonly Phase[];
  readonly arrivals: Arrivals;
  readonly seed: number;
  readonly threads: number;
  readonly requests: readonly LoadRequest[];
  /** In all, shared by the threads. A request that finds none free waits in the generator, and its latency counts on. */
  readonly connections: number;
  /** How many requests may wait for a connection; what comes beyond is counted as dropped. */
  readonly max_waiting: number;
  /** How long after the last arrival answers are waited for. */
  readonly drain_ms: number;
  /** The timeline's grain. */
  readonly window_ms: number;
  /** A connection is closed after so many answers, and a new one opened; 0: never. */
  readonly answers_per_connection: number;
}

/** Who picks by weight: `pick` takes a number in [0, 1). */
export function weightedPick(weights: readonly number[]): (uniform: number) => number {
  const sums: number[] = [];
  let total = 0;
  for (const weight of weights) {
    total += weight;
    sums.push(total);
  }
  return (uniform) => {
    const wanted = uniform * total;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
