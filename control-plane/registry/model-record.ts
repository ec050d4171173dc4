import { TidegateError } from '../../contract/error.js';
import type { ModelRecord, VersionRecord } from '../../contract/registry-record.js';

/** What changes a model's record: each a pure function from the record as it is to the record as it should be. */

export type NewVersion = Pick<
  VersionRecord,
  | 'digest'
  | 'bytes'
  | 'memory_bytes'
  | 'description'
  | 'labels'
  | 'signature'
  | 'signed'
  | 'metrics'
  | 'lineage'
  | 'platform'
>;

export interface Author {
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
}

/** One version may have this many; the record stays far below what NATS takes. */
const MOST_VERSIONS = 5000;
const MOST_ALIASES = 100;

export function newModel(model: string, { at }: Author): ModelRecord {
  return { v: 1, model, description: '', labels: {}, created_at: at, versions: [], aliases: {} };
}

/** The same bytes are the same version, however often they are pushed: what was said of them first stays. */
export function withVersion(
  record: ModelRecord,
  given: NewVersion,
  { by, at }: Author,
): readonly [ModelRecord, VersionRecord] {
  const same = record.versions.find(({ digest }) => digest === given.digest);
  if (same !== undefined) return [record, same];
  if (record.versions.length >= MOST_VERSIONS) {
    throw new TidegateError(
      'CONFLICT',
      `model '${record.model}' has ${MOST_VERSIONS} versions, as many as there may be: push to a new name`,
    );
  }
  const version = 1 + Math.max(0, ...record.versions.map((each) => each.version));
  const added = { ...given, version, created_at: at, created_by: by, environments: {} };
  return [{ ...record, versions: [...record.versions, added] }, added];
}

export function versionOf(record: ModelRecord, version: number): VersionRecord {
  const found = record.versions.find((each) => each.version === version);
  if (found !== undefined) return found;
  const known = record.versions.map((each) => each.version).slice(-5);
  const hint = known.length === 0 ? 'it has none yet' : `the last ones are ${known.join(', ')}`;
  throw new TidegateError('NOT_FOUND', `model '${record.model}' has no version ${version}: ${hint}`);
}

/** A number or an alias as a version. */
export function versionNamed(record: ModelRecord, name: string): VersionRecord {
  if (/^\d{1,15}$/.test(name)) return versionOf(record, Number(name));
  if (Object.hasOwn(record.aliases, name)) return versionOf(record, record.aliases[name]);
  const known = Object.keys(record.aliases);
  const hint = known.length === 0 ? 'it has no aliases' : `its aliases are ${known.join(', ')}`;
  throw new TidegateError('NOT_FOUND', `model '${record.model}' has no version or alias '${name}': ${hint}`);
}

/** An alias always points to a version that is there. */
export function withAlias(record: ModelRecord, alias: string, version: number): ModelRecord {
  versionOf(record, version);
  if (!Object.hasOwn(record.aliases, alias) && Object.keys(record.aliases).length >= MOST_ALIASES) {
    throw new TidegateError('CONFLICT', `model '${record.model}' has ${MOST_ALIASES} aliases, as many as there may be`);
  }
  return { ...record, aliases: { ...record.aliases, [alias]: version } };
}

export function withoutAlias(record: ModelRecord, alias: string): ModelRecord {
  if (!Object.hasOwn(record.aliases, alias))
    throw new TidegateError('NOT_FOUND', `model '${record.model}' has no alias '${alias}'`);
  const { [alias]: _gone, ...aliases } = record.aliases;
  return { ...record, aliases };
}

/** Lets a version into an environment. Who did it first stays on record. */
export function promoted(record: ModelRecord, version: number, environment: string, author: Author): ModelRecord {
  const found = versionOf(record, version);
  if (Object.hasOwn(found.environments, environment)) return record;
  const now = { ...found, environments: { ...found.environments, [environment]: { ...author } } };
  return { ...record, versions: record.versions.map((each) => (each.version === version ? now : each)) };
}

export function described(
  record: ModelRecord,
  { description = record.description, labels = record.labels }: DescriptionChange,
): ModelRecord {
  return { ...record, description, labels };
}

interface DescriptionChange {
  readonly description?: string | undefined;
  readonly labels?: Record<string, string> | undefined;
}
