import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupFailure } from './failure.mjs';

const POLL_MS = 200;
const PATIENCE_MS = 10 * 60_000;
/** A lock this old is nobody's, even if its number now belongs to some other process. */
const OLDEST_MS = 15 * 60_000;
/** The file exists a moment before its text does. */
const UNWRITTEN_MS = 2_000;

/**
 * Runs `work` while holding the lock file, which names the process that holds it. Waits for another set-up; breaks the lock of one
 * that died.
 *
 * @param {string} path
 * @param {(line: string) => void} say
 * @param {() => Promise<void>} work
 */
export async function withLock(path, say, work) {
  await acquire(path, say);
  try {
    await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * @param {string} path
 * @param {(line: string) => void} say
 */
async function acquire(path, say) {
  const giveUp = Date.now() + PATIENCE_MS;
  let told = false;
  while (!take(path)) {
    const holder = holderOf(path);
    if (holder === 'free') continue;
    if (holder === 'dead') {
      breakLock(path);
      continue;
    }
    if (!told) say(`another set-up (process ${holder}) is at work: waiting for it`);
    told = true;
    if (Date.now() > giveUp) {
      throw new SetupFailure(
        'lock',
        `process ${holder} has held ${path} for ten minutes`,
        `see what process ${holder} does; if it is no set-up, delete ${path} and run the same command again`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** @param {string} path */
function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    throw cause;
  }
}

/**
 * @param {string} path
 * @returns {number | 'free' | 'dead'}
 */
function holderOf(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    const age_ms = Date.now() - statSync(path).mtimeMs;
    if (!Number.isSafeInteger(pid) || pid <= 0) return age_ms > UNWRITTEN_MS ? 'dead' : 0;
    if (age_ms > OLDEST_MS) return 'dead';
    return isAlive(pid) ? pid : 'dead';
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return 'free';
    throw cause;
  }
}

/**
 * Two who both saw the dead lock must not both break it: the second would remove the first one's new lock. Renaming decides.
 *
 * @param {string} path
 */
function breakLock(path) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    throw cause;
  }
  const taken = holderOf(aside);
  if (typeof taken === 'number') renameSync(aside, path);
  else rmSync(aside, { force: true });
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: there is such a process, and it is somebody else's.
    return codeOf(cause) === 'EPERM';
  }
}

/** @param {unknown} cause */
function codeOf(cause) {
  return cause instanceof Error && 'code' in cause ? cause.code : '';
}
