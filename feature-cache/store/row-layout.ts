import { TidegateError } from '../../contract/error.js';
import type { FeatureField, FeatureType, TableShape } from '../../contract/feature-row.js';

/**
 * Where everything of a row lies, in words of four bytes from the row's start. A row is
 *
 *   0  lock       odd while the writer changes the row; a reader that saw it change reads again
 *   1  key        block of the key's bytes in the heap; 0: the row is free
 *   2  stamps     block of further stamps in the heap; 0: the first stamp is the only one
 *   3  touched    set by readers, cleared by the clock that looks for rows to evict
 *   4  stamp 0    event time (f64), ingest time (f64), sequence (53 bits) and source (8 bits): six words
 *   10 presence   one bit a field
 *      bools      one bit a field of type bool
 *      stamp of   one byte a field: which stamp holds for it
 *      values     two words for 64 bits, a word for 32, references to heap blocks for strings
 *
 * A row that is always updated as a whole costs 16 + 24 bytes, 1 1/8 bytes a field, and its values. Where subsets of the
 * fields are updated apart, each set that differs adds one stamp of 24 bytes, shared by all fields of the set: times stay
 * exact to the microsecond, where a delta for each field would have cost more for whole rows, and rounded.
 */
export const ROW_LOCK = 0;
export const ROW_KEY = 1;
export const ROW_STAMPS = 2;
export const ROW_TOUCHED = 3;
export const ROW_STAMP = 4;
export const STAMP_WORDS = 6;

/** A stamp is named by one byte, and no more of them are in use than there are fields. */
export const MOST_FIELDS = 255;
export const MOST_VECTOR_LENGTH = 65_536;

export interface FieldPlace {
  readonly field: FeatureField;
  readonly position: number;
  readonly type: FeatureType;
  /** Word of the value, from the start of the row; of a bool, the word with its bit. */
  readonly word: number;
  /** Of a bool: its bit within the word. */
  readonly mask: number;
  readonly words: number;
  readonly ttl_us: number;
}

export interface RowLayout {
  readonly shape: TableShape;
  readonly fields: readonly FieldPlace[];
  readonly position_of: ReadonlyMap<string, number>;
  /** Positions of strings and categories. */
  readonly texts: readonly number[];
  readonly presence: number;
  /** In bytes from the start of the row. */
  readonly stamp_of_byte: number;
  /** Of a whole row: even, so that 64-bit values are aligned in every row. */
  readonly words: number;
}

const WORDS: Readonly<Record<Exclude<FeatureType, 'vector' | 'bool'>, number>> = {
  float64: 2,
  int64: 2,
  timestamp: 2,
  float32: 1,
  int32: 1,
  category: 1,
  string: 1,
};

function refused(shape: TableShape, problem: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', `features "${shape.name}": ${problem}`);
}

function checkTtl(shape: TableShape, where: string, ttl_us: number | undefined): void {
  if (ttl_us !== undefined && !(Number.isFinite(ttl_us) && ttl_us > 0)) {
    throw refused(shape, `${where} has a time to live of ${ttl_us} µs: give one above 0, or none`);
  }
}

function checkShape(shape: TableShape): void {
  const count = shape.fields.length;
  if (count === 0 || count > MOST_FIELDS) {
    throw refused(shape, `${count} fields: a view has 1 to ${MOST_FIELDS} of them; divide it into several`);
  }
  checkTtl(shape, 'the view', shape.ttl_us);
  const seen = new Set<string>();
  for (const { name, type, length, ttl_us } of shape.fields) {
    if (seen.has(name)) throw refused(shape, `field "${name}" is there twice`);
    seen.add(name);
    checkTtl(shape, `field "${name}"`, ttl_us);
    if ((type === 'vector') !== (length !== undefined)) {
      throw refused(shape, `field "${name}" of type ${type}: a vector has a length, and nothing else has`);
    }
    if (length !== undefined && !(Number.isInteger(length) && length >= 1 && length <= MOST_VECTOR_LENGTH)) {
      throw refused(shape, `field "${name}" is a vector of ${length}: give a length of 1 to ${MOST_VECTOR_LENGTH}`);
    }
  }
}

function wordsOf(field: FeatureField): number {
  if (field.type === 'vector') return field.length ?? 0;
  return field.type === 'bool' ? 0 : WORDS[field.type];
}

/** Where each field lies. The wide ones come first: nothing is lost to alignment but at most one word at the end. */
export function rowLayout(shape: TableShape): RowLayout {
  checkShape(shape);
  const { fields } = shape;
  const presence = ROW_STAMP + STAMP_WORDS;
  const bools = presence + Math.ceil(fields.length / 32);
  const bool_count = fields.filter(({ type }) => type === 'bool').length;
  const stamp_of = bools + Math.ceil(bool_count / 32);
  let next = stamp_of + Math.ceil(fields.length / 4);
  next += next & 1;

  const words = fields.map(wordsOf);
  const place = new Array<number>(fields.length).fill(0);
  const order = fields.map((_, position) => position).sort((a, b) => Number(words[b] === 2) - Number(words[a] === 2));
  let next_bool = 0;
  for (const position of order) {
    if (fields[position].type === 'bool') {
      place[position] = next_bool++;
    } else {
      place[position] = next;
      next += words[position];
    }
  }
  const places = fields.map((field, position): FieldPlace => {
    const bit = field.type === 'bool' ? place[position] : -1;
    return {
      field,
      position,
      type: field.type,
      word: bit < 0 ? place[position] : bools + (bit >>> 5),
      mask: bit < 0 ? 0 : 1 << (bit & 31),
      words: words[position],
      ttl_us: field.ttl_us ?? shape.ttl_us ?? Number.POSITIVE_INFINITY,
    };
  });
  return {
    shape,
    fields: places,
    texts: places.filter(({ type }) => type === 'string' || type === 'category').map(({ position }) => position),
    position_of: new Map(fields.map(({ name }, position) => [name, position])),
    presence,
    stamp_of_byte: stamp_of * 4,
    words: next + (next & 1),
  };
}
