import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';
import { type VersionReport, VersionReportSchema } from '../../contract/version-report.js';

const TIDEGATE = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const MOST_OUTPUT_BYTES = 1024 * 1024;
const LOAD_LIMIT_MS = 120_000;
/** What a loader may take beyond that: it hears no request to end while it hangs in native code. */
const GRACE_MS = 5000;
/** Whoever pushes once often pushes again: a loader that has started waits this long for the next version. */
const SPARE_MS = 300_000;

type Loader = ChildProcessByStdio<Writable, Readable, Readable>;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly late: boolean;
}

/**
 * Loads versions in processes of their own, one for each, and runs them once. Whatever a model does to its loader (a crash, a hang, all memory) happens
 * there. Starting one takes longer than most loads: so after the first, the next one is started ahead.
 */
export class Validator {
  #spare: Loader | undefined;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** Throws MODEL_LOAD_FAILED with what the loader said. */
  async validated(directory: string, limit_ms = LOAD_LIMIT_MS): Promise<VersionReport> {
    const loader = this.#spare ?? started();
    this.#spare = undefined;
    clearTimeout(this.#idle);
    const { code, signal, stdout, stderr, late } = await ended(loader, directory, limit_ms);
    this.#prepare();
    if (late) throw refused(`it had not loaded after ${limit_ms} ms`);
    if (signal !== null) throw refused(`its loader was ended by ${signal}: a node that loads it would be, too`);
    if (code !== 0) throw refused(stderr.trim().replace(/^tidegate: /, '') || `its loader ended with code ${code}`);
    return readPayload('the report on the model', VersionReportSchema, stdout);
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #prepare(): void {
    if (this.#closed || this.#spare !== undefined) return;
    const spare = started();
    // One that ends while it waits is no help, and no harm either.
    const forget = () => {
      if (this.#spare === spare) this.#spare = undefined;
    };
    spare.once('exit', forget).once('error', forget);
    this.#spare = spare;
    this.#idle = setTimeout(() => this.#drop(), SPARE_MS);
    this.#idle.unref();
  }

  #drop(): void {
    clearTimeout(this.#idle);
    // It ends when nothing more can come.
    this.#spare?.stdin.end();
    this.#spare = undefined;
  }
}

function started(): Loader {
  return spawn(process.execPath, [TIDEGATE, 'check', '-', '--json', '--timeout-ms', String(LOAD_LIMIT_MS)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

function ended(loader: Loader, directory: string, limit_ms: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let [stdout, stderr, late] = ['', '', false];
    loader.stdout.on('data', (chunk: Buffer) => {
      if (stdout.length < MOST_OUTPUT_BYTES) stdout += chunk.toString('utf8');
    });
    loader.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MOST_OUTPUT_BYTES) stderr += chunk.toString('utf8');
    });
    const timer = setTimeout(() => {
      late = true;
      loader.kill('SIGKILL');
    }, limit_ms + GRACE_MS);
    loader.once('error', reject);
    // One that died just now says so by its code.
    loader.stdin.on('error', () => undefined);
    loader.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, late });
    });
    loader.stdin.end(`${directory}\n`);
  });
}

function refused(why: string): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', `the version is not accepted: ${why}`);
}
