import { spawn } from 'node:child_process';

const KEPT_LINES = 200;

/**
 * Runs a program to its end. `onLine` gets what it prints, line by line; the last lines come back too, for the story of a failure.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} options
 * @returns {Promise<{ ok: boolean, ending: string, lines: string[] }>}
 */
export function runCommand(program, args, { cwd, env = process.env, onLine }) {
  return new Promise((resolve) => {
    // Windows starts `npm.cmd` through a shell only; every argument here is a constant of this folder.
    const shell = process.platform === 'win32' && !program.endsWith('.exe');
    const child = spawn(program, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    /** @type {string[]} */
    const lines = [];
    const take = (/** @type {string} */ line) => {
      if (line.trim() === '') return;
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      onLine?.(line);
    };
    const ends = [child.stdout, child.stderr].map((stream) => splitLines(stream, take));
    child.once('error', (cause) => resolve({ ok: false, ending: `could not be started: ${cause.message}`, lines }));
    child.once('close', (code, signal) => {
      for (const end of ends) end();
      resolve({
        ok: code === 0,
        ending: signal === null ? `ended with code ${code}` : `was ended by ${signal}`,
        lines,
      });
    });
  });
}

/**
 * @param {import('node:stream').Readable} stream
 * @param {(line: string) => void} take
 */
function splitLines(stream, take) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (/** @type {string} */ text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) take(part);
  });
  return () => take(rest);
}
