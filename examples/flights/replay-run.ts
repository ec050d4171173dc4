import { FEATURES, FlightFeatures, flightTime_min } from './features.js';
import type { FlownFlight, Replay } from './replay-file.js';
import type { Scoreboard, ScoredFlight } from './scoreboard.js';

/** Chance of being late, from the features of one flight. */
export type Score = (features: Float32Array, flight: FlownFlight) => Promise<number>;

/**
 * Plays the departures of a day: `advance` scores those that have left by then and judges those that have landed. Time is the
 * flights' own, on the clock of their origins.
 */
export class ReplayRun {
  readonly #replay: Replay;
  readonly #score: Score;
  readonly #board: Scoreboard;
  readonly #most_in_flight: number;
  readonly #features: FlightFeatures;
  readonly #airborne = new Map<number, ScoredFlight[]>();
  readonly #waiting = new Set<Promise<void>>();
  #next = 0;
  #landed_until: number;

  constructor(replay: Replay, score: Score, board: Scoreboard, most_in_flight: number) {
    this.#replay = replay;
    this.#score = score;
    this.#board = board;
    this.#most_in_flight = most_in_flight;
    this.#features = new FlightFeatures(replay.encoding);
    const row = new Float32Array(FEATURES.length);
    for (const flight of replay.before) {
      this.#features.fill(flight, row, 0);
      this.#features.landed(flight, flight.delay_min);
    }
    this.#landed_until = this.start_min - 1;
  }

  get start_min(): number {
    return this.#replay.flights[0]?.minute ?? 0;
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  get total(): number {
    return this.#replay.flights.length;
  }

  /** Every flight was sent. */
  get sentAll(): boolean {
    return this.#next >= this.total;
  }

  /** Minutes by which the scoring lags behind, because as many requests as may be are unanswered. */
  lag_min(minute: number): number {
    const next = this.#replay.flights[this.#next];
    return next === undefined ? 0 : Math.max(0, minute - next.minute);
  }

  advance(minute: number): void {
    const { flights } = this.#replay;
    while (this.#next < flights.length && flights[this.#next].minute <= minute) {
      if (this.#waiting.size >= this.#most_in_flight) return;
      this.#send(flights[this.#next]);
      this.#next++;
    }
    this.#land(minute);
  }

  /** Waits for the answers that are still to come, and judges every flight. */
  async finish(): Promise<void> {
    await Promise.all(this.#waiting);
    this.#land(Number.POSITIVE_INFINITY);
  }

  #send(flight: FlownFlight): void {
    const features = new Float32Array(FEATURES.length);
    this.#features.fill(flight, features, 0);
    this.#features.landed(flight, flight.delay_min);
    const sent_ms = performance.now();
    const answered = this.#score(features, flight).then(
      (score) => {
        this.#board.onScore({ flight, score }, performance.now() - sent_ms);
        this.#expect({ flight, score });
      },
      (failure: unknown) => this.#board.onFailure(failure instanceof Error ? failure.message : String(failure)),
    );
    const settled = answered.finally(() => this.#waiting.delete(settled));
    this.#waiting.add(settled);
  }

  #expect(scored: ScoredFlight): void {
    const { minute, distance_mi, delay_min } = scored.flight;
    const landing = Math.max(minute + flightTime_min(distance_mi) + Math.max(delay_min, 0), this.#landed_until + 1);
    const others = this.#airborne.get(landing);
    if (others === undefined) this.#airborne.set(landing, [scored]);
    else others.push(scored);
  }

  #land(minute: number): void {
    for (const [landing, flights] of this.#airborne) {
      if (landing > minute) continue;
      for (const scored of flights) this.#board.onLanding(scored);
      this.#airborne.delete(landing);
    }
    if (Number.isFinite(minute)) this.#landed_until = Math.max(this.#landed_until, minute);
  }
}
