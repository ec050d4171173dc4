import { copyFile, mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Copies a file to where it is served from, in one step: a node that watches the folder must never see half of it. */
export async function placeWhole(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const near = `${to}.part`;
  await copyFile(from, near);
  await rename(near, to);
}
