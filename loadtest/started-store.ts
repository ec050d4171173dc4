import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { storeEnvironment } from '../store/environment.js';

/** `tidegate store` on a folder and a port of its own. */
export function startStore(directory: string): Promise<[process: ReturnType<typeof spawn>, url: string]> {
  const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  const args = ['store', '--store-port', '0', '--data-dir', directory, '--log-format', 'json'];
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...storeEnvironment() },
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(text);
      if (found !== null) resolve([child, found[1]]);
    });
    child.once('exit', (code) => reject(new Error(`the store ended with code ${code} before it listened`)));
  });
}
