import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';

/** @typedef {{ version?: string, integrity?: string, dev?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage */

/**
 * Compares what is installed with the lock file, package by package. That is cheaper and surer than a stamp: it sees an `npm ci`
 * by hand, a changed lock and a deleted package alike.
 *
 * @param {string} root
 * @returns {{ stale: boolean, lacksTools: boolean, why: string }}
 */
export function dependencyStatus(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  if (wanted === undefined) {
    throw new SetupFailure(
      'install',
      'package-lock.json is missing or cannot be read',
      'restore it: git checkout -- package-lock.json',
    );
  }
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return { stale: true, lacksTools: true, why: 'nothing is installed yet' };
  let lacksTools = false;
  for (const [path, one] of Object.entries(wanted)) {
    if (path === '') continue;
    const there = installed[path];
    if (there?.version === one.version && there.integrity === one.integrity && existsSync(join(root, path))) continue;
    const absent = there === undefined || !existsSync(join(root, path));
    // Optional packages of other systems are never installed; whether one of this system is missing, npm cannot tell either.
    if (absent && (one.optional === true || one.devOptional === true)) continue;
    if (absent && one.dev === true) lacksTools = true;
    else return { stale: true, lacksTools: true, why: `${path} is not as package-lock.json has it` };
  }
  return { stale: false, lacksTools, why: lacksTools ? 'the tools for building are not installed' : '' };
}

/**
 * @param {string} path
 * @returns {Record<string, LockedPackage> | undefined}
 */
function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} root
 * @param {string} why
 * @param {(line: string) => void} say
 */
export async function installDependencies(root, why, say) {
  say(`installing the locked dependencies (${why})`);
  // No package here needs its install script. onnxruntime-node has one, which would download 300 MB of CUDA on some machines; the
  // two variables stop it even where a configuration of npm's turns scripts on again.
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const env = { ...process.env, npm_config_onnxruntime_node_install: 'skip', ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const npm = process.env.npm_execpath;
  // Under `npm start` npm says where it is; its own script runs on this very Node, with no shell between.
  const isNpm = npm !== undefined && /npm-cli\.c?js$/.test(npm);
  const [program, before] = isNpm ? [process.execPath, [npm]] : ['npm', []];
  const { ok, ending, lines } = await runCommand(program, [...before, ...args], { cwd: root, env });
  if (ok) return;
  // npm says what matters first; usage texts and log paths come after it.
  const told = lines.filter((line) => line.trim() !== 'npm error').slice(0, 10);
  throw new SetupFailure('install', [`npm ci ${ending}`, ...told].join('\n'), remedyOf(lines.join('\n')));
}

/** @param {string} output */
function remedyOf(output) {
  if (/EUSAGE|in sync/.test(output)) {
    return 'package.json and package-lock.json disagree: run npm install, look at the difference, and commit both files';
  }
  if (/EINTEGRITY/.test(output))
    return 'a download was damaged or changed: run npm cache clean --force, then the same command again';
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i.test(output)) {
    return 'the package registry could not be reached: check the network, the proxy and npm config get registry (npm ping tests it)';
  }
  if (/ENOSPC/.test(output)) return 'free some disk space (about 1 GB is needed), then run the same command again';
  if (/EACCES|EPERM/.test(output))
    return 'make the checkout and the npm cache writable for this user, then run the same command again';
  if (/could not be started/.test(output)) return 'install npm (it comes with Node), then run the same command again';
  return 'run npm ci to see all that npm says; npm cache verify and a fresh clone help against a damaged state';
}
