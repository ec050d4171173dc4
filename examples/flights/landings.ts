import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient, Landing } from './control-client.js';

/** A season is over within minutes: its flights land that much sooner. */
const FLIGHT_MS = 20_000;
const SEND_EVERY_MS = 1000;
const MOST_AT_ONCE = 5000;
/** Landings that wait while the control plane is away. */
const MOST_WAITING = 100_000;

interface Airborne extends Landing {
  readonly lands_ms: number;
}

/** Tells the control plane how late each flight was, some time after it was scored. */
export class Landings {
  readonly #control: ControlClient;
  readonly #airborne: Airborne[] = [];

  constructor(control: ControlClient) {
    this.#control = control;
  }

  add(request_id: string, isLate: boolean): void {
    if (this.#airborne.length >= MOST_WAITING) this.#airborne.shift();
    this.#airborne.push({ request_id, label: isLate ? 'late' : 'on_time', lands_ms: performance.now() + FLIGHT_MS });
  }

  /** Until `stop` fires. Flights that are in the air then stay unlabelled. */
  async report(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await sleep(SEND_EVERY_MS);
      await this.#send(performance.now());
    }
  }

  async #send(now_ms: number): Promise<void> {
    const first = this.#airborne.findIndex(({ lands_ms }) => lands_ms > now_ms);
    const landed = this.#airborne.slice(0, Math.min(MOST_AT_ONCE, first < 0 ? this.#airborne.length : first));
    if (landed.length === 0) return;
    const labels = landed.map(({ request_id, label }) => ({ request_id, label }));
    // One that was not taken is sent again with the next ones.
    if (await this.#control.label(labels)) this.#airborne.splice(0, landed.length);
  }
}
