import { AirportHistory } from './history.js';

/** What is known of a flight when it leaves. */
export interface Departure {
  /** Minutes since 2001-01-01 00:00 (a Monday) on the clock of the origin. */
  readonly minute: number;
  readonly distance_mi: number;
  /** Indices into the encoding's airports. */
  readonly origin: number;
  readonly destination: number;
}

/** The columns of the model's input, in order. */
export const FEATURES = [
  'time_sin',
  'time_cos',
  'half_day_sin',
  'half_day_cos',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
  'distance_100_mi',
  'log_distance',
  'origin_usual',
  'destination_usual',
  'route_usual',
  'origin_last_hour',
  'origin_last_hours',
  'origin_delay_min',
  'origin_landings',
  'route_last_hours',
  'route_landings',
] as const;

/** How often flights used to be late, as log odds, learned from the flights of the training period. */
export interface FlightEncoding {
  readonly airports: readonly string[];
  readonly base: number;
  readonly origin: readonly number[];
  readonly destination: readonly number[];
  /** By `routeKey`; a route that was never flown has no entry and counts as its origin. */
  readonly route: Readonly<Record<number, number>>;
}

export function routeKey(encoding: { readonly airports: readonly string[] }, departure: Departure): number {
  return departure.origin * encoding.airports.length + departure.destination;
}

/**
 * Makes the model's features. Training and scoring both use this class and nothing else, so the two cannot drift apart. Feed it the
 * departures in order of time: `fill` asks, `landed` tells it the outcome, which it uses no earlier than it was known.
 */
export class FlightFeatures {
  readonly #encoding: FlightEncoding;
  readonly #history: AirportHistory;

  constructor(encoding: FlightEncoding) {
    this.#encoding = encoding;
    this.#history = new AirportHistory(encoding.airports.length, share(encoding.base));
  }

  /** Writes the features of one flight to `row[offset…]`. */
  fill(departure: Departure, row: Float32Array, offset: number): void {
    const { minute, distance_mi, origin, destination } = departure;
    const encoding = this.#encoding;
    const angle = (2 * Math.PI * (minute % 1440)) / 1440;
    row[offset] = Math.sin(angle);
    row[offset + 1] = Math.cos(angle);
    row[offset + 2] = Math.sin(2 * angle);
    row[offset + 3] = Math.cos(2 * angle);
    for (let day = 0; day < 7; day++) row[offset + 4 + day] = 0;
    row[offset + 4 + (Math.floor(minute / 1440) % 7)] = 1;
    row[offset + 11] = distance_mi / 100;
    row[offset + 12] = Math.log(Math.max(distance_mi, 1));
    row[offset + 13] = encoding.origin[origin];
    row[offset + 14] = encoding.destination[destination];
    row[offset + 15] = encoding.route[routeKey(encoding, departure)] ?? encoding.origin[origin];
    const lately = this.#history.at(minute, origin, routeKey(encoding, departure));
    row[offset + 16] = logOdds(lately.hour_share);
    row[offset + 17] = logOdds(lately.hours_share);
    row[offset + 18] = lately.delay_min;
    row[offset + 19] = Math.log1p(lately.landings);
    row[offset + 20] = logOdds(lately.route_share);
    row[offset + 21] = Math.log1p(lately.route_landings);
  }

  /** Tells the outcome of a flight, right after its departure; it counts from the minute of landing on. */
  landed(departure: Departure, delay_min: number): void {
    const known_at = departure.minute + flightTime_min(departure.distance_mi) + Math.max(delay_min, 0);
    this.#history.add(known_at, departure.origin, routeKey(this.#encoding, departure), delay_min);
  }
}

/** From gate to gate, about: half an hour on the ground and 450 miles an hour. */
export function flightTime_min(distance_mi: number): number {
  return Math.round(30 + distance_mi / 7.5);
}

export function logOdds(share: number): number {
  return Math.log(share / (1 - share));
}

function share(logOddsValue: number): number {
  return 1 / (1 + Math.exp(-logOddsValue));
}
