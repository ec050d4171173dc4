import type { LabelledRows } from '../learning/network.js';
import type { FlightTable } from './data.js';
import { type Departure, FEATURES, type FlightEncoding, FlightFeatures, logOdds } from './features.js';
import { LATE_MIN } from './history.js';

/** Flights' worth of a broader rate that a narrower one starts from: an airport from all, a route from its airport. */
const PRIOR_FLIGHTS = 200;

export function departureOf(table: FlightTable, i: number): Departure {
  return {
    minute: table.minute[i],
    distance_mi: table.distance_mi[i],
    origin: table.origin[i],
    destination: table.destination[i],
  };
}

/** How often flights before `until_min` were late, by airport and by route. */
export function encodeFlights(table: FlightTable, until_min: number): FlightEncoding {
  const airports = table.airports.length;
  const count = firstFrom(table, until_min);
  const origin = new Tally(airports);
  const destination = new Tally(airports);
  const route = new Tally(airports * airports);
  let late = 0;
  for (let i = 0; i < count; i++) {
    const isLate = table.delay_min[i] > LATE_MIN;
    if (isLate) late++;
    origin.add(table.origin[i], isLate);
    destination.add(table.destination[i], isLate);
    route.add(table.origin[i] * airports + table.destination[i], isLate);
  }
  const base = late / count;
  const routes: Record<number, number> = {};
  for (let key = 0; key < airports * airports; key++) {
    if (route.count(key) > 0) {
      routes[key] = logOdds(route.share(key, origin.share(Math.floor(key / airports), base)));
    }
  }
  return {
    airports: table.airports,
    base: logOdds(base),
    origin: table.airports.map((_, key) => logOdds(origin.share(key, base))),
    destination: table.airports.map((_, key) => logOdds(destination.share(key, base))),
    route: routes,
  };
}

/** Index of the first flight that leaves at `minute` or later. */
export function firstFrom(table: FlightTable, minute: number): number {
  let low = 0;
  let high = table.minute.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.minute[middle] < minute) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface FlightSplit {
  readonly training: LabelledRows;
  readonly held_out: LabelledRows;
}

/**
 * Walks through all flights once, in order. Of those before `split_min` each is kept for training with a chance of `keep`; all
 * from there on are held out. The history behind the features runs through every flight, kept or not, as it does in service.
 */
export function splitFlights(
  table: FlightTable,
  encoding: FlightEncoding,
  split_min: number,
  keep: number,
  random: () => number,
): FlightSplit {
  const first = firstFrom(table, split_min);
  const chosen = new Uint8Array(table.minute.length).fill(1, first);
  for (let i = 0; i < first; i++) chosen[i] = random() < keep ? 1 : 0;
  const trainingCount = chosen.subarray(0, first).reduce((sum, one) => sum + one, 0);
  const training = emptyRows(trainingCount);
  const held_out = emptyRows(table.minute.length - first);
  const features = new FlightFeatures(encoding);
  let trainingRow = 0;
  for (let i = 0; i < table.minute.length; i++) {
    const departure = departureOf(table, i);
    if (chosen[i] === 1) {
      const rows = i < first ? training : held_out;
      const row = i < first ? trainingRow++ : i - first;
      features.fill(departure, rows.features, row * FEATURES.length);
      rows.classes[row] = table.delay_min[i] > LATE_MIN ? 1 : 0;
    }
    features.landed(departure, table.delay_min[i]);
  }
  return { training, held_out };
}

function emptyRows(count: number): LabelledRows {
  return {
    features: new Float32Array(count * FEATURES.length),
    classes: new Uint8Array(count),
    width: FEATURES.length,
  };
}

class Tally {
  readonly #counts: Uint32Array;
  readonly #late: Uint32Array;

  constructor(keys: number) {
    this.#counts = new Uint32Array(keys);
    this.#late = new Uint32Array(keys);
  }

  add(key: number, late: boolean): void {
    this.#counts[key]++;
    if (late) this.#late[key]++;
  }

  count(key: number): number {
    return this.#counts[key];
  }

  share(key: number, prior: number): number {
    return (this.#late[key] + PRIOR_FLIGHTS * prior) / (this.#counts[key] + PRIOR_FLIGHTS);
  }
}
