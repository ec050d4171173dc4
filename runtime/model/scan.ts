import type { Dirent, Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import type { VersionPolicy } from '../../contract/manifest.js';
import { artefactAmong } from './artefact.js';
import { MANIFEST_NAME } from './manifest-file.js';

/** What a folder holds for one model, as seen at one moment. */
export interface FoundModel {
  readonly name: string;
  readonly directory: string;
  /** Changes when `model.yaml` does; '' without one. */
  readonly manifest_stamp: string;
  readonly versions: ReadonlyMap<number, FoundVersion>;
  /** Why the directory could not be read; what is served of the model stays then. */
  readonly problem?: string;
}

export interface FoundVersion {
  readonly version: number;
  readonly artefact: string;
  /** Changes when any file of the version does: names, sizes, times of change and inodes. */
  readonly stamp: string;
}

export type FoundModels = ReadonlyMap<string, FoundModel>;

/** Describes a folder of models. Models of which nothing can be read are left out; the folder itself must be there. */
export async function scanRepository(directory: string): Promise<FoundModels> {
  let entries: string[];
  try {
    entries = await directoriesIn(directory);
  } catch (cause) {
    throw new TidegateError('INVALID_CONFIG', `the folder of models cannot be read: ${messageOf(cause)}`, { cause });
  }
  const found = await Promise.all(entries.map((name) => scanModel(directory, name)));
  const models = found.filter((model) => model !== undefined).map((model) => [model.name, model] as const);
  return new Map(models.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** undefined: no such directory, or neither a version nor a manifest in it. */
export async function scanModel(repository: string, name: string): Promise<FoundModel | undefined> {
  // A name comes from a path of a request: it must not lead out of the folder.
  if (name === '' || name.startsWith('.') || /[/\\\0]/.test(name)) return undefined;
  const directory = join(repository, name);
  try {
    return await readModel(name, directory);
  } catch (cause) {
    // One directory that may not be read must not hide the others.
    return { name, directory, manifest_stamp: '', versions: new Map(), problem: messageOf(cause) };
  }
}

async function readModel(name: string, directory: string): Promise<FoundModel | undefined> {
  const names = await unlessGone(directoriesIn(directory));
  if (names === undefined) return undefined;
  const versions = await Promise.all(names.filter(isVersion).map((version) => scanVersion(directory, Number(version))));
  const manifest = await unlessGone(stat(join(directory, MANIFEST_NAME)));
  if (versions.length === 0 && manifest === undefined) return undefined;
  return {
    name,
    directory,
    manifest_stamp: manifest === undefined ? '' : stampOf(manifest),
    versions: new Map(versions.sort((a, b) => a.version - b.version).map((version) => [version.version, version])),
  };
}

function isVersion(name: string): boolean {
  return /^[1-9]\d*$/.test(name) && Number.isSafeInteger(Number(name));
}

async function scanVersion(model: string, version: number): Promise<FoundVersion> {
  const directory = join(model, String(version));
  let stamps: string[];
  let names: string[] = [];
  try {
    names = (await readdir(directory)).sort();
    stamps = await Promise.all(names.map((name) => fileStamp(directory, name)));
  } catch (cause) {
    // Whoever reads the artefact will meet the same error, and say so of this version.
    stamps = [messageOf(cause)];
  }
  const stamp = stamps.filter((text) => text !== '').join('|');
  return { version, artefact: join(directory, artefactAmong(names)), stamp };
}

async function fileStamp(directory: string, name: string): Promise<string> {
  try {
    const stats = await stat(join(directory, name));
    return stats.isFile() ? `${name}:${stampOf(stats)}` : '';
  } catch (cause) {
    return `${name}:${codeOf(cause)}`;
  }
}

function stampOf({ size, mtimeMs, ino }: Stats): string {
  return `${size},${mtimeMs},${ino}`;
}

async function directoriesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const kept = await Promise.all(entries.map((entry) => isDirectory(directory, entry)));
  return entries.filter((entry, i) => kept[i] && !entry.name.startsWith('.')).map((entry) => entry.name);
}

/** Mounted volumes (a Kubernetes ConfigMap, say) hold links to directories. */
async function isDirectory(parent: string, entry: Dirent): Promise<boolean> {
  if (entry.isDirectory()) return true;
  if (!entry.isSymbolicLink()) return false;
  try {
    return (await stat(join(parent, entry.name))).isDirectory();
  } catch (cause) {
    if (codeOf(cause) === '') throw cause;
    return false;
  }
}

/** A folder may change while it is read: what vanished in between, or is no directory, was not there. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(cause))) return undefined;
    throw cause;
  }
}

/** The system's name for an error; '' where it is none of the system's. */
function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Changes with anything that matters of a model; '' when it is not there. */
export function fingerprint(found: FoundModel | undefined): string {
  if (found === undefined) return '';
  const versions = [...found.versions.values()].map(({ version, stamp }) => `${version}=${stamp}`);
  return [`manifest=${found.manifest_stamp}`, found.problem ?? '', ...versions].join('\n');
}

/**
 * The versions that a policy picks, ascending. Under `latest` a version known to be broken does not count, so that the newest
 * good one is served below it.
 */
export function pickVersions(policy: VersionPolicy, present: Iterable<number>, broken: ReadonlySet<number>): number[] {
  const ascending = [...present].sort((a, b) => a - b);
  if ('all' in policy) return ascending;
  if ('specific' in policy) return ascending.filter((version) => policy.specific.includes(version));
  const picked: number[] = [];
  let good = 0;
  for (const version of ascending.reverse()) {
    if (good === policy.latest) break;
    picked.push(version);
    if (!broken.has(version)) good++;
  }
  return picked.reverse();
}
