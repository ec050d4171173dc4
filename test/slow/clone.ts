import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CHECKOUT, type Cleanup, temporaryFolder } from '../harness/checkout.js';
import { projectFiles } from '../harness/source-scan.js';

/** The environment of a user's terminal: without what npm and the runner of the tests have set for this process. */
export function userEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const foreign = /^(npm_(?!config_)|npm_config_local_prefix|TIDEGATE_|NODE_TEST|INIT_CWD|NODE_OPTIONS)/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  // What was downloaded before is taken from npm's own cache; the lock file's hashes are checked all the same.
  return { ...Object.fromEntries(kept), npm_config_prefer_offline: 'true', npm_config_audit: 'false', ...more };
}

/** What a clone of this checkout would hold, with changes that are not committed yet: no packages, nothing built. */
export async function freshClone(t: Cleanup): Promise<string> {
  const folder = await temporaryFolder(t, 'clone');
  for (const path of projectFiles()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(CHECKOUT, path), join(folder, path));
  }
  return folder;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** A program in a process group of its own, as a terminal starts one. */
export class Program {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #output = '';
  #isRunning = true;

  constructor(t: Cleanup, command: readonly [program: string, ...args: string[]], cwd: string, env: NodeJS.ProcessEnv) {
    const [program, ...args] = command;
    this.#child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => {
        this.#isRunning = false;
        resolve({ code, output: this.#output });
      });
    });
    t.after(async () => {
      if (this.#isRunning) this.signal('SIGKILL');
      await this.ended;
    });
  }

  get output(): string {
    return this.#output;
  }

  /** To the whole group, as a terminal does. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the program was never started');
    process.kill(-pid, signal);
  }

  /** Waits for a piece of its output. Throws with all of it when the program ends before. */
  async says(pattern: RegExp, patience_ms = 400_000): Promise<RegExpExecArray> {
    const end = performance.now() + patience_ms;
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found !== null) return found;
      if (!this.#isRunning) throw new Error(`it ended without saying ${pattern}:\n${this.#output}`);
      if (performance.now() > end) throw new Error(`it never said ${pattern}:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Runs a program to its end. Throws with its output where it fails. */
export async function succeed(
  t: Cleanup,
  command: readonly [program: string, ...args: string[]],
  cwd: string,
  env = userEnvironment(),
): Promise<string> {
  const { code, output } = await new Program(t, command, cwd, env).ended;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${output}`);
  return output;
}
