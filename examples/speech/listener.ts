import type { ScoringStream } from '../../client/index.js';
import { CONTEXT_SAMPLES, FRAME_SAMPLES, frameCount, frameWithContext } from './frames.js';
import type { SpeechTally } from './speech-view.js';

/** One stream that hears the sound from some frame on, and from the beginning again after its end. */
export class Listener {
  /** Speech probability of each frame so far, in the order in which they were heard. */
  readonly probabilities: number[] = [];
  readonly #stream: ScoringStream;
  readonly #samples: Float32Array;
  readonly #first: number;
  readonly #tally: SpeechTally;

  constructor(stream: ScoringStream, samples: Float32Array, first: number, tally: SpeechTally) {
    this.#stream = stream;
    this.#samples = samples;
    this.#first = first;
    this.#tally = tally;
  }

  /** Where in the sound this stream began, in frames. */
  get first(): number {
    return this.#first;
  }

  async hear(index: number): Promise<void> {
    const frame = (this.#first + index) % frameCount(this.#samples);
    const input = { data: frameWithContext(this.#samples, frame), shape: [1, CONTEXT_SAMPLES + FRAME_SAMPLES] };
    const sent_ms = performance.now();
    const { outputs } = await this.#stream.infer({ input });
    const probability = outputs['output']?.data[0];
    if (typeof probability !== 'number') throw new Error("the model has no numeric output 'output'");
    this.probabilities.push(probability);
    this.#tally.onFrame(probability, performance.now() - sent_ms);
  }
}
