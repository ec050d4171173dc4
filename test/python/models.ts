import { cp } from 'node:fs/promises';
import { type Cleanup, modelFolder, TRITON_MODELS } from '../harness/checkout.js';

/** What the Python clients ask for: the models of the recorded cases, and some that keep state or have half precision. */
export async function clientModels(t: Cleanup): Promise<string> {
  const folder = await modelFolder(t, ['half', 'brain', 'accumulator']);
  await cp(TRITON_MODELS, folder, { recursive: true });
  return folder;
}
