import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, floats, repositoryIndex } from './ask.js';
import { type Cleanup, FIXTURES, temporaryFolder } from './checkout.js';
import { startRuntime } from './runtime.js';
import { dense } from './tfjs-models.js';

/** Serves the SavedModel of the fixtures by both of its signatures, and proves what they answer. */
export async function proveSavedModels(t: Cleanup, backends_dir: string): Promise<void> {
  const folder = await temporaryFolder(t);
  for (const name of ['dense', 'words', 'doubles']) {
    await mkdir(join(folder, name));
    const source = join(FIXTURES, 'tensorflow', name === 'doubles' ? 'doubles' : 'saved', '1');
    await cp(source, join(folder, name, '1'), { recursive: true });
  }
  await writeFile(join(folder, 'dense', 'model.yaml'), 'max_batch: 16\n');
  await writeFile(join(folder, 'words', 'model.yaml'), 'signature: words\n');
  const { url } = await startRuntime(t, folder, { backends_dir });
  const index = new Map((await repositoryIndex(url)).map((row) => [row.name, row]));
  assert.match(index.get('doubles')?.reason ?? '', /DT_DOUBLE/);
  const rows = Array.from({ length: 40 }, (_, row) => [row / 8, 1 - row / 4, row % 5]);
  await Promise.all(
    rows.map(async (row) => {
      const { outputs, error } = await ask(url, 'dense', [floats('x', [row])]);
      assert.deepEqual(outputs.y, dense(row), error);
    }),
  );
  const given = [
    { name: 'n', datatype: 'INT64', shape: [3], data: [-5, 7_000_000_001, 0] },
    { name: 't', datatype: 'BYTES', shape: [3], data: ['ebb', '', 'flöd'] },
  ];
  const { outputs, error } = await ask(url, 'words', given);
  assert.deepEqual(
    outputs,
    { double: [-10, 14_000_000_002, 0], odd: [true, true, false], small: [995, 1, 0], upper: ['EBB', '', 'FLÖD'] },
    error,
  );
}
