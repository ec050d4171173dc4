import { runProcessInBackground } from '../std/background.js';
import { createLog } from '../std/log.js';
import type { Config } from '../std/settings.js';
import { announceReady, whenOrphaned } from '../std/supervised.js';
import { startStore } from './store.js';

/** Runs the store in this process until a signal ends it. */
export async function runStore(config: Config): Promise<void> {
  // Before the engine starts its threads, which inherit it.
  runProcessInBackground();
  const log = createLog({
    level: config.log_level,
    format: config.log_format,
    service: 'store',
    node: config.node_name,
  });
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
  const directory = `${config.data_dir}/store`;
  const store = await startStore({
    directory,
    port: config.store_port,
    memory_bytes: config.store_memory_bytes,
    // Two are left for files.
    max_running: Math.max(1, threads - 2),
    log,
  });
  log.info({ url: store.url, directory }, `listening on ${store.url}`);
  let stopping = false;
  const stop = (why: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ why }, 'stopping: what runs is finished first; a second signal ends at once');
    store.stop(config.limits.drain_timeout_ms).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  whenOrphaned(() => stop('disconnect'));
  announceReady(store.url);
}
