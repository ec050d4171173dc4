import { readdirSync, readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Priority of what brings predictions into ClickHouse, whose work can wait a little: on a machine whose cores are all taken, predictions are answered first and are in
 * ClickHouse a moment later.
 */
const BACKGROUND_PRIORITY = 10;

/** Lets all others go before this process. */
export function runProcessInBackground(): void {
  // On Linux a priority is of one thread, inherited by those that it starts: the pool of libuv is there already when the first line of a program runs.
  if (process.platform !== 'linux') quietly(() => setPriority(0, BACKGROUND_PRIORITY));
  else quietly(() => readdirSync('/proc/self/task').forEach(lower));
}

/** Lets all others go before the thread that calls this, where threads have priorities of their own: on Linux. */
export function runThreadInBackground(): void {
  if (process.platform !== 'linux') return;
  quietly(() => lower(/\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1] ?? '0'));
}

function lower(thread: string): void {
  setPriority(Number(thread), BACKGROUND_PRIORITY);
}

/** A priority only decides who waits where cores are scarce: without one everything works. */
function quietly(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
