import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TidegateClient } from '../../client/index.js';
import { announceReady, whenOrphaned } from '../../std/supervised.js';
import { DEFAULT_URL, numberOption, runProgram } from '../terminal/program.js';
import { ControlClient } from './control-client.js';
import { Landings } from './landings.js';
import { readSeason, type Season, type SeasonFlight } from './season-file.js';

const USAGE = `Lets the flights of January to June 2001 flow past a running server.

  node dist/examples/flights/season.js [options]

  --url URL          where the runtime listens (default ${DEFAULT_URL})
  --control-url URL  where the control plane listens (default: there is none)
  --rate N           flights a second (default 100); 0: as fast as it goes
  --once             stop after June, else begin again
  --file PATH        flights (default: those that set-up made)

With a control plane January becomes the reference that drift is measured against, and each flight is labelled
with how it landed, some seconds after it was scored.`;

const REFERENCE_MONTH = '2001-01';
const MODEL = 'flights';
const TICK_MS = 50;
const MOST_IN_FLIGHT = 64;
const RETRY_MS = 1000;
const LOG_LAG_MS = 4000;

interface SeasonSettings {
  readonly rate: number;
  readonly once: boolean;
}

/** Scores the season's flights after January, again and again, until `stop` fires or, with `once`, June is over. */
class SeasonRun {
  readonly #client: TidegateClient;
  /** Ids of one run differ from those of another. */
  readonly #run = Date.now().toString(36);
  readonly #inFlight = new Set<Promise<void>>();
  readonly #landings: Landings | undefined;
  #numbered = 0;

  constructor(client: TidegateClient, landings: Landings | undefined) {
    this.#client = client;
    this.#landings = landings;
  }

  async play(flights: readonly SeasonFlight[], { rate, once }: SeasonSettings, stop: AbortSignal): Promise<void> {
    const started_ms = performance.now();
    const most = once ? flights.length : Number.POSITIVE_INFINITY;
    let sent = 0;
    while (!stop.aborted && sent < most) {
      const due = rate === 0 ? most : ((performance.now() - started_ms) / 1000) * rate;
      while (sent < Math.min(due, most) && this.#inFlight.size < MOST_IN_FLIGHT) {
        this.#score(flights[sent % flights.length], this.#numbered++);
        sent++;
      }
      if (this.#inFlight.size >= MOST_IN_FLIGHT) await Promise.race(this.#inFlight);
      else await sleep(TICK_MS);
    }
    await Promise.all(this.#inFlight);
  }

  #score({ month, features, isLate }: SeasonFlight, number: number): void {
    const id = `flight-${this.#run}-${number}`;
    const inputs = { features: { data: features, shape: [1, features.length] } };
    const scored = this.#client.infer(MODEL, inputs, { id, parameters: { month } }).then(
      () => this.#landings?.add(id, isLate),
      // The node may be restarting: the season goes on, and the next flights find it again.
      () => undefined,
    );
    const settled = scored.finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }
}

/** Scores January as fast as it goes and freezes it, unless there is a reference already. */
async function makeReference(run: SeasonRun, control: ControlClient, season: Season, stop: AbortSignal): Promise<void> {
  let known = await control.hasReference(MODEL);
  while (known === undefined && !stop.aborted) {
    await sleep(RETRY_MS);
    known = await control.hasReference(MODEL);
  }
  if (known === true || stop.aborted) return;
  const from = new Date();
  const january = season.flights.filter(({ month }) => month === REFERENCE_MONTH);
  await run.play(january, { rate: 0, once: true }, stop);
  const to = new Date();
  // The window is over; its last rows are on their way into the log.
  await sleep(LOG_LAG_MS);
  while (!stop.aborted && !(await control.freeze(MODEL, from, to))) await sleep(RETRY_MS);
}

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: DEFAULT_URL },
      'control-url': { type: 'string' },
      rate: { type: 'string', default: '100' },
      once: { type: 'boolean', default: false },
      file: { type: 'string', default: fileURLToPath(new URL('../../demo/flights-season.json', import.meta.url)) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const rate = numberOption('rate', values.rate, 0);
  const asked = new AbortController();
  const stop = AbortSignal.any([interrupted, asked.signal]);
  process.once('SIGTERM', () => asked.abort());
  whenOrphaned(() => asked.abort());
  const season = await readSeason(values.file);
  const control = values['control-url'] === undefined ? undefined : new ControlClient(values['control-url']);
  announceReady(values.url);
  const landings = control === undefined ? undefined : new Landings(control);
  const run = new SeasonRun(new TidegateClient(values.url), landings);
  const reporting = landings?.report(stop);
  if (control !== undefined) await makeReference(run, control, season, stop);
  const { flights } = season;
  const played = control === undefined ? flights : flights.filter(({ month }) => month !== REFERENCE_MONTH);
  await run.play(played, { rate, once: values.once }, stop);
  asked.abort();
  await reporting;
  // The channel to a supervisor would keep the process.
  process.disconnect?.();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runProgram(USAGE, main);
