import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type GpuAnswer, GpuAnswerSchema } from './gpu-message.js';
import type { GpuRequest } from './gpu-process.js';

const ENTRY = fileURLToPath(new URL('./gpu-process.js', import.meta.url));

/** One GPU process. It ends by `kill`, by a crash, or by a request that takes too long; then every request is refused. */
export class GpuChild {
  readonly #process: ChildProcess;
  /** Why it ended; '' while it lives. */
  #ended = '';

  constructor() {
    // The driver writes what it likes on its own; what fails comes as an answer.
    this.#process = fork(ENTRY, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
    });
    this.#process.on('exit', (code, signal) => this.#end(`the GPU process ended (${signal ?? `exit code ${code}`})`));
    this.#process.on('error', (error) => this.#end(`the GPU process failed: ${error.message}`));
  }

  get alive(): boolean {
    return this.#ended === '';
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** One at a time. Rejects when the process ends, and when it has not answered in time: then the process is ended too. */
  request(message: GpuRequest, limit_ms: number): Promise<GpuAnswer> {
    if (!this.alive) return Promise.reject(new Error(this.#ended));
    const child = this.#process;
    return new Promise<GpuAnswer>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        child.off('message', answered);
        child.off('exit', ended);
        child.off('error', ended);
      };
      const answered = (value: unknown) => {
        settle();
        const answer = GpuAnswerSchema.safeParse(value);
        if (!answer.success) reject(new Error(`the GPU process answered something unknown: ${answer.error.message}`));
        else if (answer.data.type === 'failed') reject(new Error(answer.data.reason));
        else resolve(answer.data);
      };
      const ended = () => {
        settle();
        reject(new Error(`${this.#ended}: this batch is lost, the next one gets a new process`));
      };
      const timer = setTimeout(() => {
        this.#end(`the GPU process did not answer within ${limit_ms} ms and was ended`);
        child.kill('SIGKILL');
        ended();
      }, limit_ms);
      child.on('message', answered);
      child.on('exit', ended);
      child.on('error', ended);
      // A process that has just died refuses the message: its exit says why.
      child.send(message, () => undefined);
    });
  }

  /** Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  }

  #end(reason: string): void {
    if (this.#ended === '') this.#ended = reason;
  }
}
