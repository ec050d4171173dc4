import { type ChildProcess, fork } from 'node:child_process';
import { z } from 'zod';
import { CommandError, EXIT } from '../exit.js';
import { nextRestart } from './restart-policy.js';

const ReadySchema = z.object({ ready: z.object({ url: z.string() }) });

export interface ProcessPlan {
  /** `store`: what it is called in messages. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long it may take to end when it is asked to. */
  readonly stop_timeout_ms: number;
  /** It ended by itself, and comes again after `delay_ms`. */
  readonly onDeath: (how: string, delay_ms: number) => void;
  readonly onRestarted: (url: string) => void;
}

/**
 * A process that is kept running: started again when it dies, each time a little later. Its first start is another matter: what fails
 * then (a taken port, a missing file) would fail again, and is for people to read.
 */
export class SupervisedProcess {
  readonly #plan: ProcessPlan;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #restarts = 0;
  #stopping = false;

  constructor(plan: ProcessPlan) {
    this.#plan = plan;
  }

  get name(): string {
    return this.#plan.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves to its address when it says that it is ready; throws when it ends before. */
  start(): Promise<string> {
    return new Promise((resolve, reject) => {
      let isReady = false;
      this.#spawn(
        (url) => {
          isReady = true;
          resolve(url);
        },
        (how, code, ran_ms) => {
          if (isReady) this.#again(how, ran_ms);
          // What it had to say is on standard error already.
          else reject(new CommandError(code ?? EXIT.FAILED, `the ${this.name} did not start: it ${how}`));
        },
      );
    });
  }

  /** Asks it to end, and ends it after its time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), this.#plan.stop_timeout_ms);
    await this.#ended;
    clearTimeout(late);
  }

  /** Ends it at once. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#child?.kill('SIGKILL');
  }

  #spawn(onReady: (url: string) => void, onEnd: (how: string, code: number | undefined, ran_ms: number) => void): void {
    const started_ms = performance.now();
    const { program, args, env } = this.#plan;
    // In a group of its own: Ctrl-C in a terminal goes to this process alone, which stops the others in their order.
    const child = fork(program, [...args], { env: { ...process.env, ...env }, detached: true, execArgv: [] });
    this.#child = child;
    child.on('message', (message) => {
      const told = ReadySchema.safeParse(message);
      if (told.success) onReady(told.data.ready.url);
    });
    this.#ended = new Promise((resolve) => {
      const end = (how: string, code?: number) => {
        this.#child = undefined;
        resolve();
        if (!this.#stopping) onEnd(how, code, performance.now() - started_ms);
      };
      child.once('error', (error) => end(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) =>
        end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`, code ?? undefined),
      );
    });
  }

  #again(how: string, ran_ms: number): void {
    const { delay_ms, restarts } = nextRestart({ restarts: this.#restarts, ran_ms });
    this.#restarts = restarts;
    this.#plan.onDeath(how, delay_ms);
    this.#restart = setTimeout(() => {
      this.#spawn(
        (url) => this.#plan.onRestarted(url),
        (next, _code, lasted_ms) => this.#again(next, lasted_ms),
      );
    }, delay_ms);
  }
}
