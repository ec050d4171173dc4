import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { CommandError, EXIT } from '../exit.js';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly limit_ms: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end. Rejects only where it cannot be started or takes longer than its limit. */
export function run(program: string, args: readonly string[], { limit_ms, cwd, env }: RunOptions): Promise<Ended> {
  const child = spawn(program, [...args], { cwd, env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-20_000);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${program} ${args.slice(0, 3).join(' ')} took longer than ${limit_ms} ms and was ended`));
    }, limit_ms);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

/** What our own scripts end with when they say what is wrong in one line. */
const REFUSED = 2;

/** Runs one of our scripts: what it refuses is told in its words, without what its libraries had to say before. */
export async function runScript(python: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(python, args, options);
  if (code === 0) return stdout;
  const lines = stderr.trim().split('\n');
  if (code === REFUSED) throw new CommandError(EXIT.REFUSED, lines.at(-1) ?? '');
  throw new CommandError(EXIT.FAILED, `${args[0]} ended with ${code}:\n  ${lines.slice(-6).join('\n  ')}`);
}

/** Like `run`, and what does not end well is an error with the last words of the program. */
export async function runWell(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code === 0) return stdout;
  const words = (stderr.trim() || stdout.trim()).split('\n').slice(-6).join('\n  ');
  throw new CommandError(EXIT.FAILED, `${program} ${args.slice(0, 4).join(' ')} … ended with ${code}:\n  ${words}`);
}

const ASK_LIMIT_MS = 30_000;

/** The Python of this machine, as text for people; undefined where there is none with pip. */
export async function pythonVersion(python: string): Promise<string | undefined> {
  try {
    const { code, stdout } = await run(python, ['-m', 'pip', '--version'], { limit_ms: ASK_LIMIT_MS });
    return code === 0 ? (/\(python ([\d.]+)\)/.exec(stdout)?.[1] ?? 'unknown') : undefined;
  } catch {
    // Not there, which is one of the two answers.
    return undefined;
  }
}

export async function needPython(python: string, what: string): Promise<void> {
  if ((await pythonVersion(python)) !== undefined) return;
  throw new CommandError(
    EXIT.FAILED,
    `${what} needs Python with pip, and '${python} -m pip' does not run here: install it (on Debian: apt-get install python3 python3-venv python3-pip), or name another one with --python`,
  );
}

/** Of a virtual environment. */
export function venvPython(folder: string): string {
  return process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}
