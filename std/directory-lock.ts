import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { TidegateError } from '../contract/error.js';
import { createFile, errorCode } from './exclusive-file.js';

const NAME = 'lock';
const OwnerSchema = z.object({ pid: z.int().positive(), started: z.string() });
type Owner = z.infer<typeof OwnerSchema>;

/** Folders that this very process has locked: its own number in a file of an earlier container means nothing. */
const held = new Set<string>();

/**
 * Takes the folder for this process. The lock of a process that is gone is taken over; one whose process number was given to somebody
 * else meanwhile too, where the system tells when a process began. `inUse` makes the error for one that is somebody else's: the number of his
 * process is known. Throws that, and what the file system throws.
 */
export function lockDirectory(directory: string, inUse: (pid: number) => TidegateError): () => void {
  const path = join(directory, NAME);
  const own: Owner = { pid: process.pid, started: startOf('self') };
  const text = JSON.stringify(own);
  for (let attempt = 0; attempt < 3; attempt++) {
    if (createFile(path, text)) {
      held.add(path);
      return () => {
        held.delete(path);
        rmSync(path, { force: true });
      };
    }
    const owner = ownerOf(path);
    if (owner !== undefined && isAlive(owner, path)) throw inUse(owner.pid);
    removeStale(path, owner);
  }
  throw inUse(ownerOf(path)?.pid ?? 0);
}

/** Moved away first: what another process put there in the meantime is noticed, and put back. */
function removeStale(path: string, seen: Owner | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const moved = ownerOf(aside);
  const isSeen = moved?.pid === seen?.pid && moved?.started === seen?.started;
  if (!isSeen && moved !== undefined) createFile(path, JSON.stringify(moved));
  rmSync(aside, { force: true });
}

function ownerOf(path: string): Owner | undefined {
  try {
    return OwnerSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive({ pid, started }: Owner, path: string): boolean {
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
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
