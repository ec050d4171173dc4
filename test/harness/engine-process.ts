import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from './ask.js';
import { BUILT, type Cleanup } from './checkout.js';

/** A ClickHouse engine in a process that may be killed and started again on the same data and the same port. */
export class EngineProcess {
  readonly #directory: string;
  #child: ChildProcess | undefined;
  #port = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(t: Cleanup, directory: string): Promise<EngineProcess> {
    const engine = new EngineProcess(directory);
    t.after(() => engine.kill());
    await engine.start();
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const script = join(BUILT, 'test', 'harness', 'engine-server.js');
    const child = spawn(process.execPath, [script, this.#directory, String(this.#port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    await until('the engine listens', () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the engine ended:\n${output}`);
      return /listening on \d+/.test(output);
    });
    this.#port = Number(/listening on (\d+)/.exec(output)?.[1]);
  }

  /** SIGKILL, and gone when this resolves. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}
