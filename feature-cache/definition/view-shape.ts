import { TidegateError } from '../../contract/error.js';
import {
  FEATURE_TYPES,
  type FeatureField,
  type FeatureType,
  type FeatureValue,
  type TableShape,
} from '../../contract/feature-row.js';
import type { FeatureViewSpec } from '../../contract/feature-view.js';

type FeatureSpec = FeatureViewSpec['features'][number];

/** A view as the table of the cache holds it. Throws INVALID_CONFIG for a default that is no value of its feature's type. */
export function viewShape(name: string, { features, ttl }: FeatureViewSpec): TableShape {
  return {
    name,
    fields: features.map((feature) => fieldOf(name, feature)),
    ...(ttl === undefined ? {} : { ttl_us: ttl }),
  };
}

function fieldOf(view: string, feature: FeatureSpec): FeatureField {
  const { type, length } = typeOf(feature.type);
  const { ttl } = feature;
  const value = feature.default === undefined ? undefined : defaultOf(view, feature, type, length, feature.default);
  return {
    name: feature.name,
    type,
    ...(length === undefined ? {} : { length }),
    ...(ttl === undefined ? {} : { ttl_us: ttl }),
    ...(value === undefined ? {} : { default: value }),
  };
}

/** `vector[16]` as its type and its length. */
export function typeOf(text: string): { readonly type: FeatureType; readonly length?: number } {
  const vector = /^vector\[(\d+)\]$/.exec(text);
  if (vector !== null) return { type: 'vector', length: Number(vector[1]) };
  const type = FEATURE_TYPES.find((each) => each === text);
  if (type === undefined) throw new TidegateError('INVALID_CONFIG', `'${text}' is no type of a feature`);
  return { type };
}

function defaultOf(
  view: string,
  { name, type: text }: FeatureSpec,
  type: FeatureType,
  length: number | undefined,
  value: FeatureValue,
): FeatureValue {
  if (isOf(type, length, value)) return value;
  throw new TidegateError(
    'INVALID_CONFIG',
    `view '${view}': the default of '${name}' is ${JSON.stringify(value)}, which is no ${text}`,
  );
}

const WHOLE: Readonly<Record<'int32' | 'int64' | 'timestamp', number>> = {
  int32: 2 ** 31,
  int64: Number.MAX_SAFE_INTEGER,
  timestamp: Number.MAX_SAFE_INTEGER,
};

function isOf(type: FeatureType, length: number | undefined, value: FeatureValue): boolean {
  switch (type) {
    case 'float32':
    case 'float64':
      return typeof value === 'number' && Number.isFinite(value);
    case 'int32':
    case 'int64':
    case 'timestamp':
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= -WHOLE[type] && value < WHOLE[type];
    case 'bool':
      return typeof value === 'boolean';
    case 'category':
    case 'string':
      return typeof value === 'string';
    case 'vector':
      return Array.isArray(value) && value.length === length && value.every(Number.isFinite);
  }
}
