export interface Sound {
  readonly sample_rate: number;
  /** One channel, from -1 to 1. */
  readonly samples: Float32Array;
}

interface WavFormat {
  readonly encoding: number;
  readonly channels: number;
  readonly sample_rate: number;
  readonly bits: number;
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Reads a WAV file with 16-bit or 32-bit float samples; several channels are mixed into one. */
export function readWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tagAt(view, 0) !== 'RIFF' || tagAt(view, 8) !== 'WAVE')
    throw new Error('this is not a WAV file');
  let format: WavFormat | undefined;
  for (let offset = 12; offset + 8 <= bytes.length; ) {
    const tag = tagAt(view, offset);
    const start = offset + 8;
    const length = Math.min(view.getUint32(offset + 4, true), bytes.length - start);
    if (tag === 'fmt ' && length >= 16) format = readFormat(view, start, length);
    if (tag === 'data' && format !== undefined)
      return { sample_rate: format.sample_rate, samples: mix(view, start, length, format) };
    // Chunks begin at even offsets.
    offset = start + length + (length % 2);
  }
  throw new Error(`the WAV file has no ${format === undefined ? 'format' : 'data'} chunk`);
}

function tagAt(view: DataView, offset: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(offset + i)));
}

function readFormat(view: DataView, start: number, length: number): WavFormat {
  const tag = view.getUint16(start, true);
  const format = {
    encoding: tag === EXTENSIBLE && length >= 26 ? view.getUint16(start + 24, true) : tag,
    channels: view.getUint16(start + 2, true),
    sample_rate: view.getUint32(start + 4, true),
    bits: view.getUint16(start + 14, true),
  };
  const known = (format.encoding === PCM && format.bits === 16) || (format.encoding === FLOAT && format.bits === 32);
  if (known && format.channels > 0 && format.sample_rate > 0) return format;
  throw new Error(
    `WAV with encoding ${format.encoding} and ${format.bits} bits cannot be read: convert it to 16-bit PCM (ffmpeg -i IN -ar 16000 -ac 1 OUT.wav)`,
  );
}

function mix(view: DataView, start: number, length: number, format: WavFormat): Float32Array {
  const width = format.bits / 8;
  const { channels } = format;
  const samples = new Float32Array(Math.floor(length / (width * channels)));
  for (let i = 0; i < samples.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      const at = start + (i * channels + channel) * width;
      sum += format.encoding === FLOAT ? view.getFloat32(at, true) : view.getInt16(at, true) / 32768;
    }
    samples[i] = sum / channels;
  }
  return samples;
}

/** The sound at another rate. Each new sample is the mean of what it covers, or lies on the line between its neighbours. */
export function resample(sound: Sound, sample_rate: number): Sound {
  const step = sound.sample_rate / sample_rate;
  if (step === 1) return sound;
  const { samples } = sound;
  const length = Math.floor(samples.length / step);
  const resampled = Float32Array.from({ length }, (_, i) => {
    const from = i * step;
    if (step < 1) {
      const left = Math.floor(from);
      const right = Math.min(left + 1, samples.length - 1);
      return samples[left] + (samples[right] - samples[left]) * (from - left);
    }
    const window = samples.subarray(Math.floor(from), Math.max(Math.floor(from + step), Math.floor(from) + 1));
    return window.reduce((sum, sample) => sum + sample, 0) / window.length;
  });
  return { sample_rate, samples: resampled };
}
