import { TidegateError } from '../../contract/error.js';
import type { FeatureType, FeatureValue } from '../../contract/feature-row.js';
import type { FieldPlace, RowLayout } from '../store/row-layout.js';

/** What values may be gathered into: the memory of tensors. Texts go into a list, since a tensor of bytes is one. */
export type GatherArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | string[];

/**
 * Where the values of one feature go: that of key k to `offset + k * stride`, of a vector from there on. So 32 features can
 * share one tensor of [keys, 32], or each have its own.
 */
export interface GatherTarget {
  readonly feature: string;
  readonly array: GatherArray;
  readonly offset: number;
  readonly stride: number;
}

/** How a value is read from its row, and how it is written: decided once, by types. The commonest have moves of their own. */
export const MOVE_FLOAT32 = 0;
export const MOVE_FLOAT64 = 1;
export const MOVE_NUMBER = 2;
export const MOVE_INT64 = 3;
export const MOVE_VECTOR = 4;
export const MOVE_TEXT = 5;

export interface GatherStep {
  readonly place: FieldPlace;
  readonly move: number;
  readonly position: number;
  readonly ttl_us: number;
  /** Of all moves of numbers, and of vectors. */
  readonly numbers: Float32Array | Float64Array | Int32Array | Uint8Array;
  /** Of MOVE_INT64: the array's words, two a value, so that no bigint is made. */
  readonly int64_words: Int32Array;
  readonly texts: string[];
  readonly offset: number;
  readonly stride: number;
  readonly has_default: boolean;
  /** What is written where there is no value, and the parts of it that each move needs. */
  readonly default_number: number;
  readonly default_low: number;
  readonly default_high: number;
  readonly default_text: string;
  readonly default_vector: Float32Array;
}

/**
 * Steps that can be taken as one where a row was last updated as a whole and has all of their values: float32 beside each
 * other in the row and in the tensor. A step that has no such neighbours is a run of its own.
 */
export interface GatherRun {
  readonly first: number;
  readonly count: number;
  readonly is_float32: boolean;
  /** Words of the presence bits, and the bits of the run in them. */
  readonly presence: readonly { readonly word: number; readonly mask: number }[];
}

export interface GatherPlan {
  readonly layout: RowLayout;
  readonly runs: readonly GatherRun[];
  readonly steps: readonly GatherStep[];
  readonly allow_stale: boolean;
}

const NO_NUMBERS = new Float32Array(0);
const NO_WORDS = new Int32Array(0);

/** Which arrays hold every value of a type, or (floating point) the nearest to it. */
const HELD_BY: Readonly<Record<FeatureType, readonly string[]>> = {
  float32: ['Float32Array', 'Float64Array'],
  float64: ['Float32Array', 'Float64Array'],
  int32: ['Float32Array', 'Float64Array', 'Int32Array', 'BigInt64Array'],
  int64: ['Float32Array', 'Float64Array', 'BigInt64Array'],
  timestamp: ['Float64Array', 'BigInt64Array'],
  bool: ['Float32Array', 'Float64Array', 'Int32Array', 'BigInt64Array', 'Uint8Array'],
  vector: ['Float32Array', 'Float64Array'],
  category: ['Array'],
  string: ['Array'],
};

function refused(layout: RowLayout, problem: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', `features "${layout.shape.name}": ${problem}`);
}

/** Resolves names and types once; gathering looks nothing up. */
export function gatherPlan(layout: RowLayout, targets: readonly GatherTarget[], allow_stale: boolean): GatherPlan {
  const steps = targets.map((target) => stepOf(layout, target));
  return { layout, allow_stale, steps, runs: runsOf(steps) };
}

function runsOf(steps: readonly GatherStep[]): GatherRun[] {
  const runs: GatherRun[] = [];
  for (let first = 0, end = 1; first < steps.length; first = end, end++) {
    while (end < steps.length && follows(steps[end - 1], steps[end])) end++;
    const masks = new Map<number, number>();
    for (const { position } of steps.slice(first, end)) {
      const word = position >>> 5;
      masks.set(word, (masks.get(word) ?? 0) | (1 << (position & 31)));
    }
    const presence = [...masks].map(([word, mask]) => ({ word, mask }));
    runs.push({ first, count: end - first, is_float32: steps[first].move === MOVE_FLOAT32, presence });
  }
  return runs;
}

function follows(before: GatherStep, step: GatherStep): boolean {
  const beside = step.place.word === before.place.word + 1 && step.offset === before.offset + 1;
  const alike = step.numbers === before.numbers && step.stride === before.stride && step.ttl_us === before.ttl_us;
  return beside && alike && step.move === MOVE_FLOAT32 && before.move === MOVE_FLOAT32;
}

function stepOf(layout: RowLayout, target: GatherTarget): GatherStep {
  const position = layout.position_of.get(target.feature);
  if (position === undefined) throw refused(layout, `there is no feature "${target.feature}"`);
  const place = layout.fields[position];
  const { array, offset, stride } = target;
  const kind = Array.isArray(array) ? 'Array' : array.constructor.name;
  if (!HELD_BY[place.type].includes(kind)) {
    const allowed = HELD_BY[place.type].join(', ');
    throw refused(
      layout,
      `"${target.feature}" is ${place.type} and cannot be gathered into ${kind}: use one of ${allowed}`,
    );
  }
  const width = place.type === 'vector' ? place.words : 1;
  if (!(Number.isInteger(offset) && offset >= 0 && Number.isInteger(stride) && stride >= width)) {
    throw refused(layout, `"${target.feature}" at ${offset} with a stride of ${stride}: its values would overlap`);
  }
  const numbers = Array.isArray(array) || array instanceof BigInt64Array ? NO_NUMBERS : array;
  const floating = array instanceof Float32Array || array instanceof Float64Array;
  return {
    place,
    position,
    ttl_us: place.ttl_us,
    move: moveOf(place.type, array),
    numbers,
    int64_words: array instanceof BigInt64Array ? wordsOf(array) : NO_WORDS,
    texts: Array.isArray(array) ? array : [],
    offset,
    stride,
    ...defaultsOf(place, floating),
  };
}

function moveOf(type: FeatureType, array: GatherArray): number {
  if (type === 'vector') return MOVE_VECTOR;
  if (Array.isArray(array)) return MOVE_TEXT;
  if (array instanceof BigInt64Array) return MOVE_INT64;
  if (type === 'float32') return MOVE_FLOAT32;
  return type === 'float64' ? MOVE_FLOAT64 : MOVE_NUMBER;
}

function wordsOf(array: BigInt64Array): Int32Array {
  return new Int32Array(array.buffer, array.byteOffset, array.length * 2);
}

/** Where there is neither a value nor a default: NaN where it can be said, else 0 or an empty text; the status says it always. */
function defaultsOf(
  { field, words }: FieldPlace,
  floating: boolean,
): Pick<
  GatherStep,
  'has_default' | 'default_number' | 'default_low' | 'default_high' | 'default_text' | 'default_vector'
> {
  const given = field.default;
  const int64 = new BigInt64Array([wholeOf(given)]);
  const [default_low, default_high] = wordsOf(int64);
  const empty = floating ? Number.NaN : 0;
  return {
    has_default: given !== undefined,
    default_number:
      typeof given === 'string' || typeof given === 'object' || given === undefined ? empty : Number(given),
    default_low,
    default_high,
    default_text: typeof given === 'string' ? given : '',
    default_vector: typeof given === 'object' ? Float32Array.from(given) : new Float32Array(words).fill(empty),
  };
}

function wholeOf(value: FeatureValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : 0n;
}
