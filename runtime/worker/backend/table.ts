import type { ArtefactFormat } from '../../model/artefact.js';
import type { LoadOrder } from '../messages.js';
import type { Backend } from './backend.js';
import { onnxBackend } from './onnx.js';

type Key = `${ArtefactFormat} on ${string}`;

/**
 * Who runs what. A backend is one file beside this one and one line here; what most nodes never need is imported when its first
 * model loads, since every worker thread would pay for it.
 */
const BACKENDS: ReadonlyMap<Key, () => Promise<Backend>> = new Map<Key, () => Promise<Backend>>([
  ['onnx on cpu', async () => onnxBackend],
  ['onnx on webgpu', gpu],
  ['onnx on cuda', gpu],
  ['onnx on tensorrt', gpu],
  ['saved-model on cpu', tensorflow],
  ['saved-model on cuda', tensorflow],
  ['tensorflowjs on cpu', async () => (await import('./tensorflow-js.js')).tensorflowJsBackend],
]);

async function gpu(): Promise<Backend> {
  return (await import('./gpu.js')).gpuBackend;
}

async function tensorflow(): Promise<Backend> {
  return (await import('./gpu.js')).savedModelBackend;
}

export async function backendOf({ format, device }: LoadOrder): Promise<Backend> {
  const [kind] = device.split(':');
  const backend = BACKENDS.get(`${format} on ${kind}`);
  if (backend === undefined)
    throw new Error(`no backend of this build runs a model of the kind '${format}' on ${device}`);
  return backend();
}
