/** More minutes late than this on arrival count as late: the rule of the U.S. Department of Transportation. */
export const LATE_MIN = 15;

/** What an airport saw of its own departures lately, older outcomes counting less. */
export interface Lately {
  /** Share of late flights, half-life 45 minutes. */
  readonly hour_share: number;
  /** The same, half-life four hours. */
  readonly hours_share: number;
  /** Mean delay in minutes, half-life 45 minutes. */
  readonly delay_min: number;
  /** Flights that these rest on: sum of the weights of the four-hour share. */
  readonly landings: number;
  /** Share of late flights on this route, half-life six hours. */
  readonly route_share: number;
  readonly route_landings: number;
}

interface Outcome {
  readonly origin: number;
  readonly route: number;
  readonly delay_min: number;
}

const HALF_LIFE_HOUR_MIN = 45;
const HALF_LIFE_HOURS_MIN = 240;
const HALF_LIFE_ROUTE_MIN = 360;
/** Flights' worth of the usual share that a share starts from, so that one late flight does not make an airport late. */
const PRIOR_FLIGHTS = 3;
/** The longest flight there is (5,000 miles, a day late) is known within this many minutes. */
const LANDING_HORIZON_MIN = 4096;

/**
 * Outcomes by airport of departure. Everything about one airport is on that airport's own clock, departures and landings alike: the
 * data has local times only, and comparing the clocks of two airports would let news from the future in.
 */
export class AirportHistory {
  readonly #base_share: number;
  readonly #hour: DecayingSums;
  readonly #hours: DecayingSums;
  readonly #route: DecayingSums;
  readonly #landings: Outcome[][] = Array.from({ length: LANDING_HORIZON_MIN }, () => []);
  #settled_min = -1;

  constructor(airports: number, base_share: number) {
    this.#base_share = base_share;
    this.#hour = new DecayingSums(airports, HALF_LIFE_HOUR_MIN);
    this.#hours = new DecayingSums(airports, HALF_LIFE_HOURS_MIN);
    this.#route = new DecayingSums(airports * airports, HALF_LIFE_ROUTE_MIN);
  }

  at(minute: number, origin: number, route: number): Lately {
    this.#settle(minute);
    const hour = this.#hour.at(origin, minute);
    const hours = this.#hours.at(origin, minute);
    const line = this.#route.at(route, minute);
    const prior = PRIOR_FLIGHTS * this.#base_share;
    return {
      hour_share: (hour.late + prior) / (hour.flights + PRIOR_FLIGHTS),
      hours_share: (hours.late + prior) / (hours.flights + PRIOR_FLIGHTS),
      delay_min: hour.delay_min / (hour.flights + PRIOR_FLIGHTS),
      landings: hours.flights,
      route_share: (line.late + prior) / (line.flights + PRIOR_FLIGHTS),
      route_landings: line.flights,
    };
  }

  add(known_at: number, origin: number, route: number, delay_min: number): void {
    const minute = Math.min(Math.max(known_at, this.#settled_min + 1), this.#settled_min + LANDING_HORIZON_MIN - 1);
    this.#landings[minute % LANDING_HORIZON_MIN].push({ origin, route, delay_min });
  }

  #settle(minute: number): void {
    // Further back than the horizon nothing can be waiting: a jump (or the first call) need not walk through every minute.
    const from = Math.max(this.#settled_min + 1, minute - LANDING_HORIZON_MIN + 1);
    for (let now = from; now <= minute; now++) {
      const landings = this.#landings[now % LANDING_HORIZON_MIN];
      for (const { origin, route, delay_min } of landings) {
        this.#hour.add(origin, now, delay_min);
        this.#hours.add(origin, now, delay_min);
        this.#route.add(route, now, delay_min);
      }
      landings.length = 0;
    }
    this.#settled_min = Math.max(this.#settled_min, minute);
  }
}

/** One flight that is ten hours late says no more about the airport than one that is three. */
const DELAY_CLAMP_MIN = [-30, 180] as const;

class DecayingSums {
  readonly #half_life_min: number;
  readonly #updated: Float64Array;
  readonly #flights: Float64Array;
  readonly #late: Float64Array;
  readonly #delay_min: Float64Array;

  constructor(keys: number, half_life_min: number) {
    this.#half_life_min = half_life_min;
    this.#updated = new Float64Array(keys);
    this.#flights = new Float64Array(keys);
    this.#late = new Float64Array(keys);
    this.#delay_min = new Float64Array(keys);
  }

  at(key: number, minute: number): { readonly flights: number; readonly late: number; readonly delay_min: number } {
    const keep = 2 ** ((this.#updated[key] - minute) / this.#half_life_min);
    return {
      flights: this.#flights[key] * keep,
      late: this.#late[key] * keep,
      delay_min: this.#delay_min[key] * keep,
    };
  }

  add(key: number, minute: number, delay_min: number): void {
    const { flights, late, delay_min: sum } = this.at(key, minute);
    this.#updated[key] = minute;
    this.#flights[key] = flights + 1;
    this.#late[key] = late + (delay_min > LATE_MIN ? 1 : 0);
    this.#delay_min[key] = sum + Math.min(Math.max(delay_min, DELAY_CLAMP_MIN[0]), DELAY_CLAMP_MIN[1]);
  }
}
