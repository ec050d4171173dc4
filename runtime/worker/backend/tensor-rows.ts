import type { WorkerTensor } from '../messages.js';
import type { BackendTensor } from './backend.js';

/** Rows `from` to `to` of tensors whose first dimension is the batch; the others, such as constants, stay whole. */
export function sliceRows(
  tensors: readonly BackendTensor[],
  batched: ReadonlySet<string>,
  from: number,
  to: number,
): BackendTensor[] {
  return tensors.map((tensor) => {
    if (!batched.has(tensor.name)) return tensor;
    const [rows, ...rest] = tensor.shape;
    const { data } = tensor;
    const each = data.length / rows;
    // A copy: what is sent to another process is its whole buffer otherwise.
    return { ...tensor, shape: [to - from, ...rest], data: data.slice(from * each, to * each) };
  });
}

/** The results of parts of a batch, one below the other. */
export function joinRows(parts: readonly (readonly BackendTensor[])[]): BackendTensor[] {
  const [first, ...others] = parts;
  return first.map((tensor, index) => {
    const pieces = [tensor, ...others.map((part) => part[index])];
    const shape = [pieces.reduce((rows, piece) => rows + piece.shape[0], 0), ...tensor.shape.slice(1)];
    return { ...tensor, shape, data: joined(tensor.name, pieces) };
  });
}

function joined(name: string, pieces: readonly BackendTensor[]): Uint8Array | string[] {
  const bytes = pieces.map(({ data }) => data).filter((data) => data instanceof Uint8Array);
  const strings = pieces.flatMap(({ data }) => (data instanceof Uint8Array ? [] : [...data]));
  if (bytes.length === 0) return strings;
  if (bytes.length !== pieces.length) throw new TypeError(`output '${name}' is text in one part of a batch only`);
  return new Uint8Array(Buffer.concat(bytes));
}

/** Inputs along whose first dimension callers' rows lie. */
export function batchedNames(inputs: readonly WorkerTensor[]): Set<string> {
  return new Set(inputs.filter(({ batch_axis }) => batch_axis === 0).map(({ name }) => name));
}
