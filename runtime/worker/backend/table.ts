import type { ArtefactFormat } from '../../model/artefact.js';
import type { Backend } from './backend.js';
import { onnxBackend } from './onnx.js';

/**
 * Who runs what. A backend is one file beside this one and one line here; what most nodes never need is imported when its first
 * model loads, since every worker thread would pay for it.
 */
const BACKENDS: Readonly<Partial<Record<ArtefactFormat, () => Promise<Backend>>>> = {
  onnx: async () => onnxBackend,
  tensorflowjs: async () => (await import('./tensorflow-js.js')).tensorflowJsBackend,
};

export async function backendOf(format: ArtefactFormat): Promise<Backend> {
  const backend = BACKENDS[format];
  if (backend === undefined) throw new Error(`no backend of this build runs a model of the kind '${format}'`);
  return backend();
}
