import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import type { FeatureSource, FeatureUpdate, FeatureValue, KeyPart } from '../../contract/feature-row.js';
import type { FeatureViewSpec } from '../../contract/feature-view.js';
import { nearestName } from '../../std/nearest-name.js';
import { typeOf } from './view-shape.js';

/** What a row has besides keys and features. */
const EVENT_TIME = 'event_time';
const DELETED = 'deleted';
const RowSchema = z.record(z.string(), z.unknown());

export interface RowContext {
  readonly ingest_time_us: number;
  readonly sequence: number;
  readonly source: FeatureSource;
}

/**
 * One row of JSON as an update of a view: `{"carrier": "AA", "event_time": "2026-01-02T03:04:05Z", "delay_mean": 4.2}`. Members that are not named keep what they have, null takes a
 * value away, `"deleted": true` all of them. Throws INVALID_VALUE or INVALID_REQUEST that names the member and its value; numbers and texts are checked again, to the last
 * bit, by the table that takes the update.
 */
export function updateOfRow(view: string, spec: FeatureViewSpec, row: unknown, context: RowContext): FeatureUpdate {
  const parsed = RowSchema.safeParse(row);
  if (!parsed.success)
    throw new TidegateError(
      'INVALID_REQUEST',
      `view '${view}': a row is an object with the key and features, not ${shown(row)}`,
    );
  const given = parsed.data;
  refuseUnknown(view, spec, given);
  const key = spec.entities.map((entity) => keyPart(view, entity, given[entity]));
  const event_time_us = eventTime(view, given[EVENT_TIME], context.ingest_time_us);
  const common = { key, event_time_us, ...context };
  const deleted = given[DELETED];
  if (deleted !== undefined && typeof deleted !== 'boolean') throw wrong(view, DELETED, deleted, 'true or false');
  const values = Object.fromEntries(
    spec.features.flatMap(({ name, type }) =>
      Object.hasOwn(given, name) ? [[name, featureValue(view, name, type, given[name])]] : [],
    ),
  );
  if (deleted !== true) {
    if (Object.keys(values).length > 0) return { ...common, values };
    throw new TidegateError(
      'INVALID_REQUEST',
      `view '${view}': the row of ${key.join('/')} has no feature: name one of ${spec.features[0].name}, …`,
    );
  }
  if (Object.keys(values).length === 0) return { ...common, deleted: true };
  throw new TidegateError(
    'INVALID_REQUEST',
    `view '${view}': the row of ${key.join('/')} is deleted and has values: send the one or the other`,
  );
}

function refuseUnknown(
  view: string,
  { entities, features }: FeatureViewSpec,
  given: Readonly<Record<string, unknown>>,
): void {
  const known = [...entities, EVENT_TIME, DELETED, ...features.map(({ name }) => name)];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  const hint = nearest === undefined ? '' : `, did you mean '${nearest}'?`;
  throw new TidegateError('INVALID_REQUEST', `view '${view}' has no feature '${unknown}'${hint}`);
}

function keyPart(view: string, entity: string, value: unknown): KeyPart {
  if (value === undefined || value === null || value === '') {
    throw new TidegateError(
      'INVALID_REQUEST',
      `view '${view}': the row has no '${entity}', which is a part of the key`,
    );
  }
  if (typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
  throw wrong(view, entity, value, 'a text or a whole number');
}

/** RFC 3339, or microseconds since 1970; without it the event happened when it became known. */
function eventTime(view: string, value: unknown, ingest_time_us: number): number {
  if (value === undefined) return ingest_time_us;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  const ms = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms))
    throw wrong(view, EVENT_TIME, value, 'a time like 2026-01-02T03:04:05Z, or microseconds since 1970');
  return ms * 1000;
}

function featureValue(view: string, name: string, typeText: string, value: unknown): FeatureValue | null {
  if (value === null) return null;
  const { type } = typeOf(typeText);
  if (type === 'timestamp' && typeof value === 'string') return eventTime(view, value, 0);
  if (type === 'int64' && typeof value === 'string' && /^-?\d{1,19}$/.test(value)) return BigInt(value);
  if (type === 'vector' && Array.isArray(value) && value.every((each) => typeof each === 'number')) return value;
  if (
    type === 'bool'
      ? typeof value === 'boolean'
      : type === 'category' || type === 'string'
        ? typeof value === 'string'
        : typeof value === 'number'
  ) {
    return z.union([z.number(), z.boolean(), z.string()]).parse(value);
  }
  throw wrong(view, name, value, typeText);
}

function wrong(view: string, name: string, value: unknown, wanted: string): TidegateError {
  return new TidegateError('INVALID_VALUE', `view '${view}': '${name}' is ${shown(value)}, and should be ${wanted}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
