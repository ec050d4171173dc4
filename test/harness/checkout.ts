import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout: tests run compiled, from a folder beside the sources. */
export const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
/** What the compiler wrote, this file among it. */
export const BUILT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export const FIXTURES = join(CHECKOUT, 'test', 'fixtures');
export const TRITON_MODELS = join(FIXTURES, 'triton', 'models');
export const TRITON_CASES = join(FIXTURES, 'triton', 'cases');
export const SERVING_MODELS = join(FIXTURES, 'serving');

/** What is cleaned up behind a test or a suite. */
export interface Cleanup {
  after(action: () => Promise<void> | void): void;
}

export async function temporaryFolder(t: Cleanup, purpose = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `tidegate-${purpose}-`));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder that holds copies of some models of the fixtures, so that a test may change them. */
export async function modelFolder(t: Cleanup, names: readonly string[], from = SERVING_MODELS): Promise<string> {
  const folder = await temporaryFolder(t, 'models');
  for (const name of names) await cp(join(from, name), join(folder, name), { recursive: true });
  return folder;
}
