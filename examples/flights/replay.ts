import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ScoringStream, StreamingConnection } from '../../client/index.js';
import { countOption, DEFAULT_URL, numberOption, runProgram, withConnection } from '../terminal/program.js';
import { Rate } from '../terminal/rate.js';
import { Screen } from '../terminal/screen.js';
import type { FlownFlight, Replay } from './replay-file.js';
import { readReplay } from './replay-file.js';
import { ReplayRun } from './replay-run.js';
import { replayView } from './replay-view.js';
import { Scoreboard } from './scoreboard.js';

const USAGE = `Replays a day of flights that the model never saw against a running server.

  node dist/examples/flights/replay.js [options]

  --url URL       where the runtime listens (default ${DEFAULT_URL})
  --speed N       times real speed; 0: as fast as it goes (default 1800)
  --streams N     streams on the connection (default 8)
  --flights N     stop after so many flights
  --model NAME    (default flights)
  --file PATH     replay file (default: the one that set-up made)`;

const TICK_MS = 10;
const DRAW_MS = 100;
/** More than the credits of eight streams, so that the streams are kept full, and bounded all the same. */
const MOST_IN_FLIGHT = 1024;

export interface ReplaySettings {
  readonly speed: number;
  readonly streams: number;
  readonly model: string;
}

/** Replays over one connection and draws on the screen until all is scored or `stop` fires. */
export async function replayFlights(
  connection: StreamingConnection,
  replay: Replay,
  settings: ReplaySettings,
  screen: Screen,
  stop: AbortSignal,
): Promise<Scoreboard> {
  const streams = await Promise.all(
    Array.from({ length: settings.streams }, () => connection.openStream(settings.model, { order: 'ready' })),
  );
  const board = new Scoreboard();
  // One airport's flights always go the same way: its answers and its history stay together.
  const score = (features: Float32Array, flight: FlownFlight) =>
    lateness(streams[flight.origin % streams.length], features);
  const run = new ReplayRun(replay, score, board, MOST_IN_FLIGHT);
  const started_ms = performance.now();
  const rate = new Rate();
  const draw = (minute: number) => {
    const per_second = rate.perSecond(performance.now() - started_ms, board.scored);
    const { inFlight, total } = run;
    const { day, encoding } = replay;
    const lag_min = settings.speed > 0 ? run.lag_min(minute) : 0;
    const moment = { day, minute, speed: settings.speed, total, inFlight, lag_min, per_second };
    return replayView({ ...moment, airports: encoding.airports }, board);
  };
  let drawn_ms = started_ms;
  let minute = run.start_min;
  while (!run.sentAll && !stop.aborted) {
    const now_ms = performance.now();
    const passed_min = ((now_ms - started_ms) / 60_000) * settings.speed;
    minute = settings.speed > 0 ? run.start_min + passed_min : replayEnd(replay);
    run.advance(minute);
    if (now_ms - drawn_ms >= DRAW_MS) {
      drawn_ms = now_ms;
      screen.show(draw(minute), now_ms);
    }
    await sleep(settings.speed > 0 ? TICK_MS : 0);
  }
  await run.finish();
  screen.end(draw(minute));
  return board;
}

function replayEnd(replay: Replay): number {
  return replay.flights.at(-1)?.minute ?? 0;
}

async function lateness(stream: ScoringStream, features: Float32Array): Promise<number> {
  const { outputs } = await stream.infer({ features: { data: features, shape: [1, features.length] } });
  const probabilities = outputs['probabilities']?.data;
  if (!(probabilities instanceof Float32Array)) throw new Error("the model has no FP32 output 'probabilities'");
  return probabilities[1];
}

async function readReplayFile(path: string): Promise<Replay> {
  try {
    await access(path);
  } catch (cause) {
    throw new Error(`there is no replay file ${path}: npm run build makes it, or name one with --file`, { cause });
  }
  return readReplay(path);
}

async function main(stop: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: DEFAULT_URL },
      speed: { type: 'string', default: '1800' },
      streams: { type: 'string', default: '8' },
      flights: { type: 'string' },
      model: { type: 'string', default: 'flights' },
      file: { type: 'string', default: fileURLToPath(new URL('../../demo/flights-replay.json', import.meta.url)) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const settings = {
    speed: numberOption('speed', values.speed, 0),
    streams: countOption('streams', values.streams),
    model: values.model,
  };
  const whole = await readReplayFile(values.file);
  const most = values.flights === undefined ? whole.flights.length : countOption('flights', values.flights);
  const replay = { ...whole, flights: whole.flights.slice(0, most) };
  await withConnection(values.url, async (connection) => {
    await replayFlights(connection, replay, settings, new Screen(process.stdout), stop);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runProgram(USAGE, main);
