import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BackendLost } from './backend.js';
import { driverWords } from './driver-words.js';
import { type GpuAnswer, GpuAnswerSchema } from './gpu-message.js';
import type { GpuRequest } from './gpu-process.js';

/** What runs in the child, and with what around it. */
export interface GpuProgram {
  /** `webgpu`, `cuda:1`. */
  readonly device: string;
  /** Where the libraries of the device lie; '' where it needs none. */
  readonly home: string;
  /** What people call it; absent: GPU process. */
  readonly title?: string;
  /** Variables that its libraries read. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of another program that speaks the same messages; absent: ours. */
  readonly entry?: string;
}

const ENTRY = fileURLToPath(new URL('./gpu-process.js', import.meta.url));
/** A driver's last words; the reason of a failure is often nowhere else. */
const KEPT_WORDS = 2000;

/** One GPU process. It ends by `kill`, by a crash, or by a request that takes too long; then every request is refused. */
export class GpuChild {
  readonly #process: ChildProcess;
  readonly #title: string;
  /** Why it ended; '' while it lives. */
  #ended = '';
  #words = '';

  constructor(program: GpuProgram) {
    this.#title = program.title ?? 'GPU process';
    this.#process = fork(program.entry ?? ENTRY, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env: environment(program),
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-KEPT_WORDS);
    });
    this.#process.on('exit', (code, signal) =>
      this.#end(`the ${this.#title} ended (${signal ?? `exit code ${code}`})`),
    );
    this.#process.on('error', (error) => this.#end(`the ${this.#title} failed: ${error.message}`));
  }

  get alive(): boolean {
    return this.#ended === '';
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** What the libraries in it wrote last; '' where they said nothing. */
  get words(): string {
    return driverWords(this.#words);
  }

  /** One at a time. Rejects when the process ends, and when it has not answered in time: then the process is ended too. */
  request(message: GpuRequest, limit_ms: number): Promise<GpuAnswer> {
    if (!this.alive) return Promise.reject(new BackendLost(this.#ended));
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
        if (!answer.success)
          reject(new Error(`the ${this.#title} answered something unknown: ${answer.error.message}`));
        else if (answer.data.type === 'failed') reject(new Error(answer.data.reason));
        else resolve(answer.data);
      };
      const ended = () => {
        settle();
        reject(new BackendLost(this.#ended));
      };
      const timer = setTimeout(() => {
        this.#end(`the ${this.#title} did not answer within ${limit_ms} ms and was ended`);
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

/** The loader reads its path once, when a process starts: nothing that runs already can be told of these libraries. */
function environment({ device, home, environment: own }: GpuProgram): NodeJS.ProcessEnv {
  const env = { ...process.env, ...own };
  if (home !== '') {
    const before = env['LD_LIBRARY_PATH'];
    env['LD_LIBRARY_PATH'] = [join(home, 'lib'), ...(before === undefined || before === '' ? [] : [before])].join(':');
  }
  const [, ordinal] = device.split(':');
  // The child sees one device, which is then its first.
  if (ordinal !== undefined) env['CUDA_VISIBLE_DEVICES'] = ordinal;
  return env;
}
