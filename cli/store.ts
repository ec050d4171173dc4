import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../std/settings.js';
import { storeEnvironment } from '../store/environment.js';
import { CommandError, EXIT } from './exit.js';

/**
 * `tidegate store`. The engine's statements wait in libuv's threads, and how many there are is settled before a process runs its first line:
 * so this one starts itself again where that was not done.
 */
export async function store(config: Config): Promise<void> {
  if (!isInstalled('chdb')) {
    const remedy = 'install it (npm install chdb), or name a ClickHouse server with CLICKHOUSE_URL';
    throw new CommandError(EXIT.FAILED, `the package chdb, which holds the engine, is not installed: ${remedy}`);
  }
  if (process.env['UV_THREADPOOL_SIZE'] !== undefined) {
    // Only here: importing it loads the engine.
    const { runStore } = await import('../store/process.js');
    return runStore(config);
  }
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./main.js', import.meta.url)), ...process.argv.slice(2)],
    {
      // The channel tells it when this process is gone.
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...storeEnvironment() },
    },
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? EXIT.FAILED));
  });
}

export function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
