import { readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { CommandError, EXIT } from '../exit.js';
import { run, runWell } from './python.js';

/** Packages of PyPI that carry native libraries, each pinned by version and hash. */
const WheelSetSchema = z.strictObject({
  about: z.string(),
  python: z.string(),
  platforms: z.array(z.string()).min(1),
  wheels: z
    .array(
      z.strictObject({
        project: z.string(),
        version: z.string(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        bytes: z.int().positive(),
        /** Paths in the wheel of what is used of it. */
        libraries: z.array(z.string()).min(1),
        /** Folders of it that are used whole, such as headers. */
        folders: z.array(z.string()).default([]),
      }),
    )
    .min(1),
});

export type WheelSet = z.infer<typeof WheelSetSchema>;
export type Wheel = WheelSet['wheels'][number];

export function readWheelSet(name: string): WheelSet {
  const path = new URL(`../../../deploy/backends/${name}.json`, import.meta.url);
  return WheelSetSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

const DOWNLOAD_LIMIT_MS = 3_600_000;

export interface FetchOptions {
  readonly set: WheelSet;
  readonly python: string;
  /** Where libraries go; what lies there already from an earlier, broken run is not fetched again. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** Fetches the libraries of all wheels into one folder, through pip, with whatever mirrors it is configured for. */
export async function fetchLibraries({ set, python, folder, say }: FetchOptions): Promise<void> {
  await mkdir(folder, { recursive: true });
  const total = set.wheels.reduce((sum, { bytes }) => sum + bytes, 0);
  say(`${set.wheels.length} packages, ${megabytes(total)} to download`);
  for (const [index, wheel] of set.wheels.entries()) {
    const title = `${index + 1}/${set.wheels.length} ${wheel.project} ${wheel.version} (${megabytes(wheel.bytes)})`;
    const mark = join(folder, `.${wheel.project}-${wheel.sha256.slice(0, 12)}`);
    if ((await readdir(folder)).includes(basename(mark))) {
      say(`${title}: here already`);
      continue;
    }
    say(title);
    await fetchOne(wheel, set, python, folder);
    await writeFile(mark, '');
  }
}

async function fetchOne(wheel: Wheel, set: WheelSet, python: string, folder: string): Promise<void> {
  const work = join(folder, '.work');
  await rm(work, { recursive: true, force: true });
  await mkdir(work);
  try {
    const pinned = join(work, 'pinned.txt');
    await writeFile(pinned, `${wheel.project}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
    const platforms = set.platforms.flatMap((platform) => ['--platform', platform]);
    const which = ['--no-deps', '--only-binary', ':all:', '--python-version', set.python, ...platforms];
    const args = ['-m', 'pip', 'download', '--quiet', '--no-cache-dir', '--require-hashes', ...which, '-d', work];
    const { code, stderr } = await run(python, [...args, '-r', pinned], { limit_ms: DOWNLOAD_LIMIT_MS });
    if (code !== 0) throw new CommandError(EXIT.FAILED, `${wheel.project} could not be fetched:\n${lastLines(stderr)}`);
    const file = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw new CommandError(EXIT.FAILED, `pip downloaded nothing for ${wheel.project}`);
    const opened = join(work, 'opened');
    await runWell(python, ['-m', 'zipfile', '-e', join(work, file), opened], { limit_ms: DOWNLOAD_LIMIT_MS });
    for (const path of [...wheel.libraries, ...wheel.folders]) {
      await rm(join(folder, basename(path)), { recursive: true, force: true });
      await rename(join(opened, path), join(folder, basename(path)));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-8).join('\n');
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
