import type { LoadOrder } from '../messages.js';
import type { BackendSession, BackendTensor } from './backend.js';
import type { GpuAnswer } from './gpu-message.js';
import { loadOnnx } from './onnx.js';

/**
 * A process with one model on the GPU, or in TensorFlow. The driver must not be shared between threads, may abort, and may hang:
 * here it takes nothing along.
 */

/** Sent by `gpu-child.ts` of the same build, over a channel that nobody else has. */
export type GpuRequest =
  | { readonly type: 'load'; readonly order: LoadOrder }
  | { readonly type: 'run'; readonly inputs: readonly BackendTensor[]; readonly wanted: readonly string[] };

let session: BackendSession | undefined;

async function answer(request: GpuRequest): Promise<GpuAnswer> {
  if (request.type === 'load') {
    session = await loadHere(request.order);
    return { type: 'loaded' };
  }
  if (session === undefined) throw new Error('a run came before its model was loaded');
  const results = await session.run(request.inputs.map(aligned), request.wanted);
  return {
    type: 'results',
    tensors: results.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape: [...shape],
      data: data instanceof Uint8Array ? new Uint8Array(data) : [...data],
    })),
  };
}

/** What most of these processes never need is imported when it is asked for. */
async function loadHere(order: LoadOrder): Promise<BackendSession> {
  if (order.format === 'saved-model') return (await import('./saved-model.js')).loadSavedModel(order);
  return loadOnnx(order, order.device.split(':')[0]);
}

/** Bytes arrive wherever the message had them: numbers of 4 and 8 bytes need memory that begins at such a multiple. */
function aligned(tensor: BackendTensor): BackendTensor {
  return tensor.data instanceof Uint8Array ? { ...tensor, data: new Uint8Array(tensor.data) } : tensor;
}

function reply(message: GpuAnswer): void {
  process.send?.(message);
}

process.on('message', (request: GpuRequest) => {
  answer(request).then(reply, (error: unknown) =>
    reply({ type: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  );
});
// The thread that asked is gone: so is the reason to hold the device.
process.on('disconnect', () => process.exit());
