import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from './connection.js';
import { type BucketName, nameIn, token } from './declarations.js';

const RETRY_MS = 1000;
const REFRESH_MS = 600_000;

export interface FollowedEntry {
  /** Of the model or node, in this environment. */
  readonly name: string;
  /** undefined: it was deleted, or its time is over. */
  readonly text: string | undefined;
  readonly revision: number;
  /** When the server stored it. */
  readonly stored_ms: number;
}

export interface Following {
  /** Each value as it is now, then as it changes; once more after a connection was lost. Must not throw. */
  readonly heard: (entry: FollowedEntry) => void;
  /** All values that were there at the beginning have been heard. */
  readonly caughtUp: () => void;
  readonly failed: (error: unknown) => void;
}

/** Follows the keys of this environment in a bucket until `stopped`, whatever happens to the connection meanwhile. */
export async function follow(bus: Bus, bucket: BucketName, following: Following, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    try {
      await followOnce(bus, bucket, following, stopped);
    } catch (error) {
      if (!stopped.aborted) following.failed(error);
    }
    await sleep(RETRY_MS, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function followOnce(bus: Bus, bucket: BucketName, following: Following, stopped: AbortSignal): Promise<void> {
  const values = await bus.bucket(bucket);
  const isEmpty = !(await bus.hasKeys(bucket));
  const watch = await values.watch({ key: `${token(bus.environment)}.*` });
  const stop = () => watch.stop();
  stopped.addEventListener('abort', stop, { once: true });
  // Whatever went wrong unnoticed is right again after a while; not everybody at the same moment.
  // A server that came back may have lost what the watch stood on, without anybody being told.
  const forget = bus.onReturn(stop);
  const refresh = setTimeout(stop, REFRESH_MS * (0.75 + Math.random() / 2));
  let isNew = !isEmpty;
  if (isEmpty) following.caughtUp();
  try {
    for await (const entry of watch) {
      const name = nameIn(bus.environment, entry.key);
      if (name !== undefined) {
        const text = entry.operation === 'PUT' ? entry.string() : undefined;
        following.heard({ name, text, revision: entry.revision, stored_ms: entry.created.getTime() });
      }
      if (isNew && entry.delta === 0) {
        isNew = false;
        following.caughtUp();
      }
    }
  } finally {
    clearTimeout(refresh);
    forget();
    stopped.removeEventListener('abort', stop);
  }
}
