import type { AlertRoute } from '../../contract/monitor.js';
import type { Log } from '../../std/log.js';
import type { Outbox } from '../notify/outbox.js';
import { readWatch } from './monitor-files.js';
import type { Monitors } from './monitors.js';

const TURN_MS = 1000;
/** Files are looked at so often. */
const READ_EVERY_MS = 5000;

/** Evaluates and tells as long as the process lives. What fails is said once, and tried again with the next turn. */
export class MonitorLoop {
  readonly #directory: string;
  readonly #monitors: Monitors;
  readonly #outbox: Outbox;
  readonly #log: Log;
  #routes: readonly AlertRoute[] = [];
  #read_ms = Number.NEGATIVE_INFINITY;
  readonly #said = new Map<string, string>();

  constructor(directory: string, monitors: Monitors, outbox: Outbox, log: Log) {
    this.#directory = directory;
    this.#monitors = monitors;
    this.#outbox = outbox;
    this.#log = log;
  }

  async run(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      await this.#try('the folder of monitors is not taken as it is now', () => this.#read());
      await this.#try('monitors could not be evaluated', () => this.#monitors.evaluateDue());
      await this.#try('alerts could not be told', () => this.#outbox.deliverDue(this.#routes));
      await pause(TURN_MS, stopped);
    }
  }

  /** All files or none: a mistake in one of them leaves everything as it was. */
  async #read(): Promise<void> {
    if (performance.now() - this.#read_ms < READ_EVERY_MS) return;
    this.#read_ms = performance.now();
    const { monitors, routes } = await readWatch(this.#directory);
    this.#monitors.monitors = monitors;
    this.#routes = routes;
  }

  async #try(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
      if (!what.startsWith('the folder')) this.#said.delete(what);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (this.#said.get(what) !== why) this.#log.warn({ error }, what);
      this.#said.set(what, why);
    }
  }
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stopped.addEventListener('abort', done, { once: true });
  });
}
