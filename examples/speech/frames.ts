/** Samples of one frame at 16 kHz: 32 ms. */
export const FRAME_SAMPLES = 512;
/** Samples of the frame before that the model sees again, so that a sound on the border is seen whole. */
export const CONTEXT_SAMPLES = 64;
export const FRAME_MS = 32;
export const SPEECH_SAMPLE_RATE = 16_000;

/** How many whole frames a sound has; a last frame that is not full is left out. */
export function frameCount(samples: Float32Array): number {
  return Math.floor(samples.length / FRAME_SAMPLES);
}

/** What the model takes for frame `index`: the end of the frame before it (silence before the first), then the frame. */
export function frameWithContext(samples: Float32Array, index: number): Float32Array {
  const input = new Float32Array(CONTEXT_SAMPLES + FRAME_SAMPLES);
  const start = index * FRAME_SAMPLES;
  const context = Math.min(start, CONTEXT_SAMPLES);
  input.set(samples.subarray(start - context, start + FRAME_SAMPLES), CONTEXT_SAMPLES - context);
  return input;
}
