import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const TIDEGATE = fileURLToPath(new URL('../cli/main.js', import.meta.url));

export interface StartedProcess {
  readonly process: ChildProcess;
  readonly url: string;
  stop(): Promise<void>;
}

/** One of Tidegate's processes, listening. */
export async function startProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<StartedProcess> {
  const child = spawn(process.execPath, [TIDEGATE, ...args, '--log-format', 'json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-10_000);
      const found = /listening on (\w+:\/\/127\.0\.0\.1:\d+)/.exec(text);
      if (found !== null) resolve(found[1]);
    });
    child.once('exit', (code) => reject(new Error(`tidegate ${args[0]} ended with code ${code} before it listened`)));
  });
  return { process: child, url, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
