import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TidegateError } from '../../contract/error.js';
import { readPayload } from '../../contract/payload.js';
import { type VersionReport, VersionReportSchema } from '../../contract/version-report.js';

const TIDEGATE = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const MOST_OUTPUT_BYTES = 1024 * 1024;

/**
 * Loads a directory in a process of its own and runs it once. Whatever a model does to its loader (a crash, a hang, all memory) happens there. Throws
 * MODEL_LOAD_FAILED with what the loader said.
 */
export async function validated(directory: string, limit_ms = 120_000): Promise<VersionReport> {
  const { code, signal, stdout, stderr, late } = await run(directory, limit_ms);
  if (late) throw refused(`it had not loaded after ${limit_ms} ms`);
  if (signal !== null) throw refused(`its loader was ended by ${signal}: a node that loads it would be, too`);
  if (code !== 0) throw refused(stderr.trim().replace(/^tidegate: /, '') || `its loader ended with code ${code}`);
  return readPayload('the report on the model', VersionReportSchema, stdout);
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly late: boolean;
}

function run(directory: string, limit_ms: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [TIDEGATE, 'check', directory, '--json', '--timeout-ms', String(limit_ms)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr, late] = ['', '', false];
    child.stdout.on('data', (chunk: Buffer) => {
      if (stdout.length < MOST_OUTPUT_BYTES) stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MOST_OUTPUT_BYTES) stderr += chunk.toString('utf8');
    });
    // A loader that hangs in native code hears no request to end.
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limit_ms + 5000);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, late });
    });
  });
}

function refused(why: string): TidegateError {
  return new TidegateError('MODEL_LOAD_FAILED', `the version is not accepted: ${why}`);
}
