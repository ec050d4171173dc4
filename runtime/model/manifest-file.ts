import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import { DEFAULT_MANIFEST, type Manifest, ManifestSchema } from '../../contract/manifest.js';
import { nearestName } from '../../std/nearest-name.js';

export const MANIFEST_NAME = 'model.yaml';

/** No manifest is longer: labels of a thousand classes take some ten kilobytes. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Reads `model.yaml`; without the file all is left to the model file. Throws INVALID_CONFIG. */
export async function readManifestFile(path: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return DEFAULT_MANIFEST;
    throw new TidegateError(
      'INVALID_CONFIG',
      `cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  return parseManifest(text, path);
}

/** YAML, or JSON, which is YAML. `place` says in messages where the text came from. */
export function parseManifest(text: string, place: string): Manifest {
  if (text.length > MAX_MANIFEST_BYTES) {
    throw new TidegateError('INVALID_CONFIG', `${place}: longer than ${MAX_MANIFEST_BYTES} bytes`);
  }
  const document = parseDocument(text, { strict: true, uniqueKeys: true, prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined)
    throw new TidegateError('INVALID_CONFIG', `${place}: ${error.message.trimEnd()}`, { cause: error });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new TidegateError('INVALID_CONFIG', `${place}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  return checkManifest(value ?? {}, place);
}

export function checkManifest(value: unknown, place: string): Manifest {
  const result = ManifestSchema.safeParse(value);
  if (!result.success)
    throw new TidegateError('INVALID_CONFIG', `${place}: ${describeIssue(result.error.issues[0], ManifestSchema)}`);
  const contradiction = manifestContradiction(result.data);
  if (contradiction !== undefined) throw new TidegateError('INVALID_CONFIG', `${place}: ${contradiction}`);
  return result.data;
}

/** What is wrong with a manifest by itself, whatever the model; the first thing found. */
function manifestContradiction(manifest: Manifest): string | undefined {
  const { priority_levels, default_priority } = manifest;
  if (default_priority > priority_levels) {
    return `default_priority is ${default_priority}, but priority_levels is ${priority_levels}: give a level from 1 to ${priority_levels}`;
  }
  const label = Object.keys(manifest.version_labels).find((name) => name === '' || /^\d+$/.test(name));
  if (label !== undefined) return `version_labels: '${label}' would be taken for a version number: give it a name`;
  const constant = manifest.state.find((pair) => Object.hasOwn(manifest.constants, pair.input));
  if (constant !== undefined) return `'${constant.input}' is both a state and a constant`;
  const inputs = manifest.state.map((pair) => pair.input);
  const outputs = manifest.state.map((pair) => pair.output);
  const twice =
    inputs.find((name, i) => inputs.indexOf(name) !== i) ?? outputs.find((name, i) => outputs.indexOf(name) !== i);
  return twice === undefined ? undefined : `'${twice}' is in two states`;
}

/** One sentence: the key, its place, and the nearest known one. */
export function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    const known = knownKeys(schema, issue.path);
    const nearest = nearestName(key, known);
    const where = place === '' ? '' : ` in '${place}'`;
    return `unknown key '${key}'${where}: ${nearest === undefined ? `known are ${known.join(', ')}` : `did you mean '${nearest}'?`}`;
  }
  if (issue.code === 'invalid_union') {
    const forms = issue.errors.map((issues) => issues.map((inner) => inner.message).join(' and '));
    return `'${place}' has none of the forms that it may have: ${[...new Set(forms)].join('; or ')}`;
  }
  return place === '' ? `it must be a mapping of keys to values (${issue.message})` : `'${place}': ${issue.message}`;
}

/** The keys that may stand at a place of a schema. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const inner = unwrap(schema);
  const [step, ...rest] = path;
  if (inner instanceof z.ZodObject) {
    if (step === undefined) return Object.keys(inner.shape);
    const child = inner.shape[String(step)];
    return child === undefined ? [] : knownKeys(child, rest);
  }
  if (inner instanceof z.ZodArray) return knownKeys(inner.element, rest);
  if (inner instanceof z.ZodRecord) return knownKeys(inner.valueType, rest);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => knownKeys(option, path));
  return [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return unwrap(schema.unwrap());
  return schema;
}
