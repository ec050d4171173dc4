import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT } from '../harness/checkout.js';

export const PYTHON_SOURCES = join(CHECKOUT, 'test', 'python');
const PROBE_MS = 30_000;
const INSTALL_MS = 240_000;

interface Finished {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program to its end; its output, or why it could not run. */
export function runProgram(program: string, args: readonly string[], timeout_ms: number): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeout_ms });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString('utf8');
      resolve({
        ok: code === 0,
        output: signal === null ? output : `${output}\nended by ${signal} after ${timeout_ms} ms`,
      });
    });
  });
}

async function cacheFolder(): Promise<string> {
  const modules = join(CHECKOUT, 'node_modules');
  try {
    await access(modules, constants.W_OK);
    return join(modules, '.cache');
  } catch {
    return tmpdir();
  }
}

/**
 * A Python with pinned packages: its path, or why there is none here. Made once for each file of requirements and version of Python,
 * which takes up to a minute and 500 MB. Each file belongs to one test file: two that make the same at a time would undo each other.
 */
export async function pythonWith(
  file: 'requirements.txt' | 'store-requirements.txt' | 'drift-requirements.txt' | 'rollout-requirements.txt',
  install_ms: number = INSTALL_MS,
): Promise<{ readonly python: string } | { readonly missing: string }> {
  const version = await runProgram('python3', ['-c', 'import sys, venv, ensurepip; print(sys.version)'], PROBE_MS);
  if (!version.ok) return { missing: `no Python 3 with venv here: ${lastLine(version.output)}` };
  const requirements = join(PYTHON_SOURCES, file);
  const key = createHash('sha256')
    .update(version.output)
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 16);
  const cache = await cacheFolder();
  const folder = join(cache, `tidegate-python-${key}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'complete'))) return { python };
  // Two runs may come here at once: each makes its own, under the final name, since an environment cannot be moved.
  await mkdir(cache, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  const made = await runProgram('python3', ['-m', 'venv', folder], PROBE_MS);
  if (!made.ok) return { missing: `python3 -m venv failed: ${lastLine(made.output)}` };
  // Wheels only: what would have to be compiled is as good as missing.
  const options = [
    '--disable-pip-version-check',
    '--no-input',
    '--retries',
    '1',
    '--only-binary',
    ':all:',
    '--no-compile',
    '-q',
  ];
  const installed = await runProgram(python, ['-m', 'pip', 'install', ...options, '-r', requirements], install_ms);
  if (!installed.ok) {
    await rm(folder, { recursive: true, force: true });
    return { missing: `pip could not install ${file}: ${lastLine(installed.output)}` };
  }
  await writeFile(join(folder, 'complete.new'), version.output);
  await rename(join(folder, 'complete.new'), join(folder, 'complete'));
  return { python };
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? 'it said nothing';
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly why?: string;
}

const CHECKS_MS = 120_000;

/** Runs a script of checks against a server. Throws where it did not come to its end. */
export async function runChecks(python: string, script: string, address: string): Promise<readonly CheckResult[]> {
  const { ok, output } = await runProgram(python, [join(PYTHON_SOURCES, script), address], CHECKS_MS);
  if (!ok) throw new Error(`${script} did not end well:\n${output}`);
  const lines = output.split('\n').filter((line) => line.startsWith('{"name":'));
  return lines.map((line): CheckResult => JSON.parse(line));
}
