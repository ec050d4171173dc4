import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { StreamingConnection } from '../../client/index.js';
import { countOption, DEFAULT_URL, numberOption, runProgram, withConnection } from '../terminal/program.js';
import { Rate } from '../terminal/rate.js';
import { Screen } from '../terminal/screen.js';
import { FRAME_MS, frameCount, SPEECH_SAMPLE_RATE } from './frames.js';
import { Listener } from './listener.js';
import { SpeechTally, speechView } from './speech-view.js';
import { synthesiseSpeech } from './synthetic-voice.js';
import { readWav, resample } from './wav.js';

const USAGE = `Streams sound to the voice activity model of a running server: each stream has a state of its own there.

  node dist/examples/speech/stream.js [options]

  --wav PATH      16-bit or float WAV at any rate (default: six seconds of synthetic voice)
  --streams N     streams at once, each starting at another place of the sound (default 100)
  --speed N       times real speed; 0: as fast as it goes (default 1)
  --url URL       where the runtime listens (default ${DEFAULT_URL})
  --model NAME    (default speech)`;

const DRAW_MS = 100;

export interface SpeechSettings {
  readonly speed: number;
  readonly streams: number;
  readonly model: string;
}

/** Streams the sound once through every stream and draws on the screen until all is heard or `stop` fires. */
export async function streamSpeech(
  connection: StreamingConnection,
  samples: Float32Array,
  settings: SpeechSettings,
  screen: Screen,
  stop: AbortSignal,
): Promise<readonly Listener[]> {
  const tally = new SpeechTally();
  const frames = frameCount(samples);
  const listeners = await Promise.all(
    Array.from({ length: settings.streams }, async (_, i) => {
      const stream = await connection.openStream(settings.model);
      return new Listener(stream, samples, Math.floor((i * frames) / settings.streams), tally);
    }),
  );
  const started_ms = performance.now();
  const rate = new Rate();
  const view = () => {
    const per_second = rate.perSecond(performance.now() - started_ms, tally.heard);
    return speechView({ listeners, tally, per_second, frames, columns: screen.columns });
  };
  const ended = new AbortController();
  const drawing = drawUntil(ended.signal, () => screen.show(view(), performance.now()));
  try {
    const listening = listeners.map((listener, i) => {
      // Microphones do not share a clock: their frames end at any time within a frame of each other.
      const pace = { speed: settings.speed, started_ms: started_ms + (i / listeners.length) * FRAME_MS };
      return listen(listener, frames, pace, stop);
    });
    await Promise.all(listening);
  } finally {
    ended.abort();
    await drawing;
    screen.end(view());
  }
  return listeners;
}

interface Pace {
  readonly speed: number;
  readonly started_ms: number;
}

/** A frame is sent when its time has come and, since the order of a stream is the order of its sound, after the one before it. */
async function listen(
  listener: Listener,
  frames: number,
  { speed, started_ms }: Pace,
  stop: AbortSignal,
): Promise<void> {
  for (let frame = 0; frame < frames && !stop.aborted; frame++) {
    const due_ms = speed > 0 ? started_ms + ((frame + 1) * FRAME_MS) / speed : 0;
    const wait_ms = due_ms - performance.now();
    if (wait_ms > 0) await sleep(wait_ms);
    await listener.hear(frame);
  }
}

async function drawUntil(ended: AbortSignal, draw: () => void): Promise<void> {
  while (!ended.aborted) {
    draw();
    await sleep(DRAW_MS, undefined, { signal: ended }).catch(() => undefined);
  }
}

async function soundFrom(path: string | undefined): Promise<Float32Array> {
  if (path === undefined) return synthesiseSpeech(1).samples;
  const { samples } = resample(readWav(await readFile(path)), SPEECH_SAMPLE_RATE);
  if (frameCount(samples) === 0) throw new Error(`${path} is shorter than one frame of ${FRAME_MS} ms`);
  return samples;
}

async function main(stop: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: 'string', default: DEFAULT_URL },
      wav: { type: 'string' },
      speed: { type: 'string', default: '1' },
      streams: { type: 'string', default: '100' },
      model: { type: 'string', default: 'speech' },
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
  const samples = await soundFrom(values.wav);
  await withConnection(values.url, async (connection) => {
    await streamSpeech(connection, samples, settings, new Screen(process.stdout), stop);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runProgram(USAGE, main);
