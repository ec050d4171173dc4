import { createHash } from 'node:crypto';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { parsed } from '../query.js';

/** What became of something that was predicted: an observation about the prediction of a request's row, or about the one in force for an entity at a time. */
export interface Label {
  /** Equal for a label and its corrections: a 128-bit number as decimal text. */
  readonly key: string;
  /** '': whichever model answered the request. */
  readonly model: string;
  /** '': the label is of an entity. */
  readonly request_id: string;
  readonly row: number;
  readonly entity_key: string;
  /** When the outcome was known, RFC 3339; undefined: when the label arrived. */
  readonly ts: string | undefined;
  /** The greatest of a key wins; undefined: the moment of its arrival, so that what comes later wins. */
  readonly version: number | undefined;
  readonly text: string;
  /** NaN where the label is no number; true is 1. */
  readonly number: number;
  readonly source: string;
}

/** What rows of an upload have in common. */
export interface LabelDefaults {
  readonly model: string | undefined;
  readonly source: string | undefined;
  readonly now_ms: number;
}

const MOST_CHARACTERS = 1024;
/** A clock may be ahead by so much; an outcome of tomorrow is a mistake. */
const MOST_AHEAD_MS = 300_000;

const name = z.string().min(1).max(MOST_CHARACTERS);
const TIME = { error: 'give a time like 2026-01-31T12:00:00Z' };
const time = z.union([z.iso.datetime({ offset: true, ...TIME }), z.date(TIME)], TIME);
const LabelSchema = z.strictObject({
  request_id: name.optional(),
  row: z.int().min(0).max(0xff_ff_ff_ff).optional(),
  entity_key: name.optional(),
  model: name.optional(),
  label: z.union([z.number(), z.string().min(1).max(MOST_CHARACTERS), z.boolean()], {
    error: `give a finite number, a text of at most ${MOST_CHARACTERS} characters, or true or false`,
  }),
  ts: time.optional(),
  version: z.int().min(0).optional(),
  source: name.optional(),
});

/** Members that a label may have. */
export const LABEL_MEMBERS: readonly string[] = Object.keys(LabelSchema.shape);

/** Throws INVALID_PARAMETER that names the member and its value. */
export function readLabel(value: unknown, defaults: LabelDefaults): Label {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(`a label is an object with ${LABEL_MEMBERS.join(', ')}, not ${JSON.stringify(value)}`);
  }
  const given = parsed(LabelSchema, { ...value });
  const { request_id = '', entity_key = '', row = 0, label } = given;
  const model = given.model ?? defaults.model ?? '';
  if ((request_id === '') === (entity_key === '')) {
    throw refused("a label is of a 'request_id' or of an 'entity_key' with a 'ts': give one of the two");
  }
  if (entity_key !== '' && given.row !== undefined) throw refused("'row' goes with 'request_id' only");
  if (entity_key !== '' && (given.ts === undefined || model === '')) {
    throw refused(`a label of the entity '${entity_key}' needs 'ts', when its outcome was known, and 'model'`);
  }
  const number = numberOf(label);
  if (Math.abs(number) === Number.POSITIVE_INFINITY) throw refused(`'label' is ${label}, which is no finite number`);
  const ts = given.ts === undefined ? undefined : new Date(given.ts).toISOString();
  if (ts !== undefined && Date.parse(ts) > defaults.now_ms + MOST_AHEAD_MS) {
    throw refused(`'ts' is ${ts}, which has not come yet`);
  }
  const target = request_id === '' ? ['e', model, entity_key, ts] : ['r', model, request_id, row];
  return {
    key: hash128(JSON.stringify(target)),
    model,
    request_id,
    row,
    entity_key,
    ts,
    version: given.version,
    text: String(label),
    number,
    source: given.source ?? defaults.source ?? '',
  };
}

function refused(message: string): TidegateError {
  return new TidegateError('INVALID_PARAMETER', message);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function numberOf(label: number | string | boolean): number {
  if (typeof label !== 'string') return Number(label);
  return NUMBER.test(label) ? Number(label) : Number.NaN;
}

function hash128(text: string): string {
  return BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 32)}`).toString();
}
