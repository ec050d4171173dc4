import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface StartedRuntime {
  readonly process: ChildProcess;
  readonly port: number;
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 60_000;
const ASK_AGAIN_MS = 50;

/** `tidegate runtime` on a folder of models and a port of its own, ready to answer. */
export async function startRuntime(models: string, flags: readonly string[] = []): Promise<StartedRuntime> {
  const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const args = [cli, 'runtime', '--models', models, '--port', '0', '--log-format', 'json', ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const runtime = { process: child, port: 0, stop: () => stop(child) };
  try {
    const port = await portOf(child);
    await untilReady(port);
    return { ...runtime, port };
  } catch (error) {
    await runtime.stop();
    throw error;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-10_000);
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
      if (found !== null) resolve(Number(found[1]));
    });
    child.once('exit', (code) => reject(new Error(`the runtime ended with code ${code} before it was up`)));
  });
}

async function untilReady(port: number): Promise<void> {
  const until_ms = performance.now() + READY_LIMIT_MS;
  while (!(await fetch(`http://127.0.0.1:${port}/v2/health/ready`)).ok) {
    if (performance.now() > until_ms) throw new Error(`the runtime was not ready within ${READY_LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}
