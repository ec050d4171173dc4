import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';

const NAME = 'lock';
const OwnerSchema = z.object({ pid: z.int().positive(), started: z.string() });
type Owner = z.infer<typeof OwnerSchema>;

/** Folders that this very process has locked: its own number in a file of an earlier container means nothing. */
const held = new Set<string>();

/**
 * Takes the folder for this process. The lock of a process that is gone is taken over; one whose process number was given to somebody
 * else meanwhile too, where the system tells when a process began. Throws INVALID_CONFIG, and what the file system throws.
 */
export function lockSpool(directory: string): () => void {
  const path = join(directory, NAME);
  const own: Owner = { pid: process.pid, started: startOf('self') };
  const text = JSON.stringify(own);
  for (let attempt = 0; attempt < 3; attempt++) {
    const draft = join(directory, `${NAME}.${process.pid}`);
    writeFileSync(draft, text);
    try {
      // Whole or not at all: nobody ever reads half a lock.
      linkSync(draft, path);
      held.add(path);
      return () => {
        held.delete(path);
        rmSync(path, { force: true });
      };
    } catch (error) {
      if (!isExisting(error)) throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const owner = ownerOf(path);
    if (owner !== undefined && isAlive(owner, path)) throw inUse(directory, owner.pid);
    removeStale(path, owner);
  }
  throw inUse(directory, ownerOf(path)?.pid ?? 0);
}

/** Moved away first: what another process put there in the meantime is noticed, and put back. */
function removeStale(path: string, seen: Owner | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const moved = ownerOf(aside);
  if (moved?.pid !== seen?.pid || moved?.started !== seen?.started) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function ownerOf(path: string): Owner | undefined {
  try {
    return OwnerSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw error;
  }
}

function isAlive({ pid, started }: Owner, path: string): boolean {
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  const now = startOf(String(pid));
  return now === '' || started === '' || now === started;
}

/** When a process began, in the clock ticks of Linux; '' elsewhere. */
function startOf(pid: string): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program may hold anything; behind its bracket the fields are numbers.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function inUse(directory: string, pid: number): TidegateError {
  return new TidegateError(
    'INVALID_CONFIG',
    `the spool ${directory} is used by process ${pid}: give each node on a machine its own node_name, or its own data_dir`,
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function isExisting(error: unknown): boolean {
  return codeOf(error) === 'EEXIST';
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
