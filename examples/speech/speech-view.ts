import { Latencies } from '../terminal/latencies.js';
import type { View } from '../terminal/screen.js';
import { sparkline } from '../terminal/sparkline.js';
import { FRAME_MS } from './frames.js';

/** What a stream must show of itself to be drawn. */
export interface Heard {
  readonly first: number;
  readonly probabilities: readonly number[];
}

/** What all streams heard. */
export class SpeechTally {
  readonly #latencies = new Latencies();
  heard = 0;
  speech = 0;

  onFrame(probability: number, latency_ms: number): void {
    this.heard++;
    if (probability >= 0.5) this.speech++;
    this.#latencies.add(latency_ms);
  }

  latency_ms(): { readonly p50: number; readonly p99: number } {
    const [p50, p99] = this.#latencies.percentiles(0.5, 0.99);
    return { p50, p99 };
  }
}

export interface SpeechMoment {
  readonly listeners: readonly Heard[];
  readonly tally: SpeechTally;
  readonly per_second: number;
  /** Frames that each stream hears in all. */
  readonly frames: number;
  readonly columns: number;
}

const SHOWN_STREAMS = 8;

export function speechView({ listeners, tally, per_second, frames, columns }: SpeechMoment): View {
  const { p50, p99 } = tally.latency_ms();
  const speech = `${((100 * tally.speech) / Math.max(tally.heard, 1)).toFixed(1)} %`;
  const total = frames * listeners.length;
  const shown = listeners.slice(0, SHOWN_STREAMS);
  const width = Math.min(Math.max(columns - 24, 20), 94);
  const latency = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
  return {
    block: [
      `Voice activity, ${listeners.length} streams, frames of ${FRAME_MS} ms`,
      `heard    ${tally.heard} of ${total} frames, speech in ${speech}`,
      `rate     ${Math.round(per_second)} frames/s, as ${((per_second * FRAME_MS) / 1000).toFixed(0)} voices in real time`,
      `latency  ${latency}`,
      '',
      ...shown.map((one, i) => streamLine(i, one, frames, width)),
      ...(listeners.length > SHOWN_STREAMS ? [`  and ${listeners.length - SHOWN_STREAMS} more`] : []),
    ],
    line: `heard ${tally.heard}/${total} rate ${Math.round(per_second)}/s ${latency} speech ${speech} ${streamLine(0, listeners[0], frames, width)}`,
  };
}

/** The line grows as the stream goes on, at the pace at which it will fill its width. */
function streamLine(index: number, { first, probabilities }: Heard, frames: number, width: number): string {
  const filled = Math.ceil((probabilities.length / frames) * Math.min(width, frames));
  const from_s = ((first * FRAME_MS) / 1000).toFixed(1);
  return `  #${String(index + 1).padEnd(3)} from ${from_s.padStart(4)} s  ${sparkline(probabilities, filled)}`;
}
