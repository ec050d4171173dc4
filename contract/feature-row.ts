/**
 * What a table of features holds and what is said of a value that was read from it. Names and types come from a feature
 * view's definition; this is the part that writers, readers, snapshots and served vectors have to agree on.
 */
export const FEATURE_TYPES = [
  'float32',
  'float64',
  'int32',
  'int64',
  'bool',
  'timestamp',
  'category',
  'string',
  'vector',
] as const;

export type FeatureType = (typeof FEATURE_TYPES)[number];

/** A value as callers give and get it. A timestamp is microseconds since 1970; an int64 beyond 2^53 is a bigint. */
export type FeatureValue = number | bigint | boolean | string | readonly number[] | Float32Array;

export interface FeatureField {
  readonly name: string;
  readonly type: FeatureType;
  /** Of a vector: how many float32 it has, always. */
  readonly length?: number;
  /** What a reader gets where there is no value, or none that is young enough. */
  readonly default?: FeatureValue;
  /** Of this field alone; without it, the table's holds. */
  readonly ttl_us?: number;
}

export interface TableShape {
  readonly name: string;
  readonly fields: readonly FeatureField[];
  /** How long after its event a value may be served. Without it a value never grows stale. */
  readonly ttl_us?: number;
}

/** One part of an entity's key, in the order of the view's entities. */
export type KeyPart = string | number | bigint;

/** Where a value came from; the position in this list is what tables, snapshots and logs keep, so entries are only added. */
export const FEATURE_SOURCES = ['unknown', 'stream', 'push', 'backfill', 'aggregation', 'request'] as const;

export type FeatureSource = (typeof FEATURE_SOURCES)[number];

/**
 * One event of an entity. `values` names the fields that the event speaks of: null takes a field's value away. Fields that
 * are not named keep what they have. `deleted` takes all of them away, and has no values.
 */
export interface FeatureUpdate {
  readonly key: readonly KeyPart[];
  /** When it happened, in microseconds since 1970: the later event wins, whichever arrives first. */
  readonly event_time_us: number;
  /** When it became known here. */
  readonly ingest_time_us: number;
  /** Decides between events of the same time: the greater wins. Of one stream, the position in it. */
  readonly sequence: number;
  readonly source: FeatureSource;
  readonly values?: Readonly<Record<string, FeatureValue | null>>;
  readonly deleted?: boolean;
}

/**
 * What was read. `fresh`: the value, within its time to live. `stale`: the value, past it, because the reader allows that.
 * `default`: there is no value that may be served, and the field has a default. `missing`: and it has none.
 * The position in this list is what typed arrays and logs carry.
 */
export const READ_STATUSES = ['fresh', 'stale', 'default', 'missing'] as const;

export type ReadStatus = (typeof READ_STATUSES)[number];

export const READ_FRESH = 0;
export const READ_STALE = 1;
export const READ_DEFAULT = 2;
export const READ_MISSING = 3;
