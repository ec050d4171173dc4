import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { RESOURCE_KINDS, RESOURCE_SCHEMAS, type Resource } from '../../contract/resource.js';
import { nearestName } from '../../std/nearest-name.js';
import { CommandError, EXIT } from '../exit.js';

const ENDINGS = new Set(['.yaml', '.yml', '.json']);
const KindSchema = z.looseObject({ kind: z.string() });

export interface FoundResource {
  readonly resource: Resource;
  /** `fleet/flights.yaml, document 2`: for messages. */
  readonly where: string;
}

/** Every document of every file below a folder, or of one file. One mistake anywhere, and nothing is applied. */
export async function resourceFiles(path: string): Promise<readonly FoundResource[]> {
  const files = (await stat(path).catch(() => undefined))?.isDirectory() ? await filesBelow(path) : [path];
  const found: FoundResource[] = [];
  for (const file of files) found.push(...documents(file, await text(file)));
  const seen = new Map<string, string>();
  for (const { resource, where } of found) {
    const id = idOf(resource);
    const other = seen.get(id);
    if (other !== undefined) throw wrong(where, `${id} is in ${other} already`);
    seen.set(id, where);
  }
  return found;
}

export function idOf({ kind, metadata }: Resource): string {
  return `${kind}/${metadata.name}`;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (ENDINGS.has(extname(entry.name))) files.push(path);
  }
  return files;
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new CommandError(EXIT.USAGE, `'${file}' cannot be read: ${String(cause)}`);
  }
}

/** The documents of one file. Throws with the file, the document, and what is wrong in it. */
export function documents(file: string, content: string): FoundResource[] {
  return parseAllDocuments(content).flatMap((document, index) => {
    const where = index === 0 ? file : `${file}, document ${index + 1}`;
    const [error] = document.errors;
    if (error !== undefined) throw wrong(where, error.message);
    const given: unknown = document.toJS();
    return given === null ? [] : [{ resource: parsed(given, where), where }];
  });
}

function parsed(given: unknown, where: string): Resource {
  const named = KindSchema.safeParse(given);
  if (!named.success) throw wrong(where, `it must be a map with apiVersion, kind, metadata and spec`);
  const kind = RESOURCE_KINDS.find((each) => each === named.data.kind);
  if (kind === undefined) {
    const nearest = nearestName(named.data.kind, RESOURCE_KINDS);
    const hint = nearest === undefined ? `known are ${RESOURCE_KINDS.join(', ')}` : `did you mean ${nearest}?`;
    throw wrong(where, `kind '${named.data.kind}' is not known: ${hint}`);
  }
  const result = RESOURCE_SCHEMAS[kind].safeParse(given);
  if (result.success) return result.data;
  const { issues } = result.error;
  // A key that is written wrongly is missing, too: its name tells more.
  const first = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  throw wrong(where, issueText(first, RESOURCE_SCHEMAS[kind]));
}

/** What is wrong and where; for a key that nothing knows, the nearest one that something does. */
function issueText(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return `${at === '' ? 'the document' : at}: ${issue.message}`;
  const [key] = issue.keys;
  const nearest = nearestName(key, knownKeys(z.toJSONSchema(schema, { io: 'input' }), issue.path));
  const hint = nearest === undefined ? '' : `, did you mean '${nearest}'?`;
  return `${at === '' ? '' : `${at}: `}'${key}' is not known${hint}`;
}

const ObjectSchema = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  additionalProperties: z.unknown().optional(),
});

function knownKeys(schema: unknown, path: readonly PropertyKey[]): string[] {
  const here = ObjectSchema.safeParse(schema);
  if (!here.success) return [];
  const { properties = {}, items, additionalProperties } = here.data;
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(properties);
  if (typeof first === 'number') return knownKeys(items, rest);
  return knownKeys(properties[String(first)] ?? additionalProperties, rest);
}

function wrong(where: string, what: string): CommandError {
  return new CommandError(EXIT.USAGE, `${where}: ${what}`);
}
