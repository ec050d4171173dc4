import { availableParallelism } from 'node:os';

/** Threads that wait for the engine, at least: a statement holds one while it runs, so many may run at a time. */
const LEAST_THREADS = 16;

/** What the environment of a store's process must have before it starts: libuv reads it when its first thread is needed. */
export function storeEnvironment(): Record<string, string> {
  return { UV_THREADPOOL_SIZE: String(Math.max(LEAST_THREADS, availableParallelism() * 2)) };
}
