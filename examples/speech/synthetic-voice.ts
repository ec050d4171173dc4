import { seededRandom } from '../learning/random.js';
import type { Sound } from './wav.js';

const SAMPLE_RATE = 16_000;

/** The first four resonances of a mouth that says a vowel, in hertz (after Peterson and Barney's averages for men). */
const VOWELS = {
  a: [730, 1090, 2440, 3400],
  e: [530, 1840, 2480, 3500],
  i: [270, 2290, 3010, 3600],
  o: [570, 840, 2410, 3300],
  u: [300, 870, 2240, 3200],
} as const;

type Vowel = keyof typeof VOWELS;

const BANDWIDTHS = [80, 100, 140, 200];
const SYLLABLE_S = 0.19;
const NOISE = 0.002;

/** Where the voice is, in seconds: what a detector should find. */
export interface SpokenSpan {
  readonly from_s: number;
  readonly to_s: number;
}

export interface SyntheticSpeech extends Sound {
  readonly spoken: readonly SpokenSpan[];
}

/**
 * Something like speech, from nothing but a seed: two phrases of vowels with consonant hiss between them, a falling pitch, and room
 * noise before, between and after. It says nothing, but a voice detector takes it for a voice.
 */
export function synthesiseSpeech(seed: number): SyntheticSpeech {
  const random = seededRandom(seed);
  const phrases = [
    { from_s: 0.9, syllables: 'aeioauei' },
    { from_s: 3.6, syllables: 'oaieuaeo' },
  ];
  const samples = Float32Array.from({ length: 6 * SAMPLE_RATE }, () => (random() * 2 - 1) * NOISE);
  for (const { from_s, syllables } of phrases) {
    samples.set(speak(syllables, random), Math.round(from_s * SAMPLE_RATE));
  }
  const spoken = phrases.map(({ from_s, syllables }) => ({ from_s, to_s: from_s + syllables.length * SYLLABLE_S }));
  return { sample_rate: SAMPLE_RATE, samples, spoken };
}

function speak(syllables: string, random: () => number): Float32Array {
  const length = Math.round(SYLLABLE_S * SAMPLE_RATE);
  const voice = new Float32Array(length * syllables.length);
  const resonators = BANDWIDTHS.map(() => new Resonator());
  let phase = 0;
  for (let i = 0; i < voice.length; i++) {
    const place = i / length;
    const vowel = vowelAt(syllables, Math.floor(place));
    const next = vowelAt(syllables, Math.min(Math.floor(place) + 1, syllables.length - 1));
    const within = place % 1;
    const glide = Math.max(0, within - 0.6) / 0.4;
    // The pitch falls through the phrase, with a little tune on each syllable and the jitter of a living throat.
    const pitch = 135 - (35 * i) / voice.length + 12 * Math.sin(2 * Math.PI * within) + 3 * (random() - 0.5);
    phase = (phase + pitch / SAMPLE_RATE) % 1;
    let sound = glottalPulse(phase) + 0.02 * (random() - 0.5);
    for (const [k, resonator] of resonators.entries()) {
      const centre = VOWELS[vowel][k] * (1 - glide) + VOWELS[next][k] * glide;
      sound = resonator.next(sound, centre, BANDWIDTHS[k]);
    }
    const loudness = 0.25 + 0.75 * Math.sin(Math.PI * within) ** 0.7;
    const hiss = within < 0.18 ? 0.05 * (random() * 2 - 1) : 0;
    voice[i] = Math.tanh(sound * loudness * 0.5) * 0.6 + hiss;
  }
  return voice;
}

function vowelAt(syllables: string, index: number): Vowel {
  const letter = syllables[index];
  return letter === 'a' || letter === 'e' || letter === 'i' || letter === 'o' ? letter : 'u';
}

/** The slope of the air flow through the vocal folds: opens slowly, shuts at once (after Rosenberg's pulse). */
function glottalPulse(phase: number): number {
  if (phase < 0.4) return 0.5 * Math.sin((Math.PI * phase) / 0.4);
  if (phase < 0.56) return -Math.sin((Math.PI / 2) * ((phase - 0.4) / 0.16));
  return 0;
}

/** A two-pole resonance (Klatt, 1980) whose gain at 0 Hz is one, so that resonances in a row keep the level. */
class Resonator {
  #last = 0;
  #before = 0;

  next(input: number, centre_hz: number, bandwidth_hz: number): number {
    const decay = Math.exp((-Math.PI * bandwidth_hz) / SAMPLE_RATE);
    const c = -decay * decay;
    const b = 2 * decay * Math.cos((2 * Math.PI * centre_hz) / SAMPLE_RATE);
    const output = (1 - b - c) * input + b * this.#last + c * this.#before;
    this.#before = this.#last;
    this.#last = output;
    return output;
  }
}
