import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS, type Limits } from '../../contract/limits.js';
import { ModelRepository, type RepositoryOptions } from '../../runtime/model/repository.js';
import { MemoryHost } from './memory-host.js';

/** The checkout: tests run compiled, from a folder beside the sources. */
export const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const FIXTURES = join(CHECKOUT, 'test', 'fixtures', 'models');

export const TRITON_MODELS = join(CHECKOUT, 'test', 'fixtures', 'triton', 'models');

export function fixture(name: string): string {
  return join(FIXTURES, `${name}.onnx`);
}

/** A folder of models that goes with the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function put(folder: string, model: string, version: number, name = 'batched'): Promise<string> {
  const path = join(folder, model, String(version), 'model.onnx');
  await mkdir(dirname(path), { recursive: true });
  await cp(fixture(name), path);
  return path;
}

export const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface Served {
  readonly repository: ModelRepository;
  readonly host: MemoryHost;
}

export async function serve(
  t: TestContext,
  directory: string,
  {
    limits = {},
    host = new MemoryHost(),
    ...options
  }: Partial<Omit<RepositoryOptions, 'limits' | 'host'>> & { limits?: Partial<Limits>; host?: MemoryHost } = {},
): Promise<Served> {
  const repository = await ModelRepository.start({
    directory,
    host,
    workers: 1,
    limits: { ...DEFAULT_LIMITS, drain_timeout_ms: 2000, ...limits },
    log: SILENT,
    poll_ms: 0,
    ...options,
  });
  t.after(() => repository.close());
  return { repository, host };
}

/** Waits until it is so; a test's own time limit ends it otherwise. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
