import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { RequestTensor } from '../../contract/inference.js';
import { decodeBooleans } from './boolean-decode.js';
import { checkBytesTensor, decodeStrings, stringsByteLength } from './bytes-decode.js';
import { decodeFloats } from './float-decode.js';
import { decodeIntegers } from './integer-decode.js';
import type { SlabViews } from './slab-views.js';

/**
 * How many bytes `decodeTensor` will write: the tensor in the protocol's binary form. Bounded by a small multiple of the bytes that
 * were sent, whatever the shape claims. Throws INVALID_BINARY or INVALID_SHAPE where size and shape cannot agree, INVALID_DATATYPE
 * for half-precision numbers in JSON, and what is wrong with the strings of a BYTES tensor in JSON, which must be read to know.
 */
export function tensorByteLength(source: Uint8Array, tensor: RequestTensor): number {
  const width = DATATYPE_BYTES[tensor.datatype];
  const span = tensor.end - tensor.start;
  if (tensor.encoding === 'binary') {
    if (width !== 0 && span !== tensor.elements * width) {
      throw new TidegateError(
        'INVALID_BINARY',
        `input byte size mismatch for input '${tensor.name}'. Expected ${tensor.elements * width}, got ${span}`,
      );
    }
    return span;
  }
  if (tensor.datatype === 'FP16' || tensor.datatype === 'BF16') {
    throw new TidegateError(
      'INVALID_DATATYPE',
      `receiving ${tensor.datatype} data via JSON is not supported. Please use the binary data format for input ${tensor.name}`,
    );
  }
  // An element takes a byte and a comma at least; this keeps a shape from asking for memory that its data never could fill.
  if (tensor.elements * 2 > span) {
    throw new TidegateError(
      'INVALID_SHAPE',
      `shape [${tensor.shape.join(',')}] of input '${tensor.name}' has ${tensor.elements} elements, its 'data' has fewer`,
    );
  }
  return width === 0 ? stringsByteLength(source, tensor) : tensor.elements * width;
}

/**
 * Decodes a tensor of a request into shared memory at `offset` (a multiple of 8), where `tensorByteLength` bytes must be free: they
 * are written, nothing else is. Throws INVALID_JSON, INVALID_SHAPE, INVALID_VALUE or INVALID_BINARY; the memory is then half written.
 */
export function decodeTensor(source: Uint8Array, tensor: RequestTensor, memory: SlabViews, offset: number): void {
  if (tensor.encoding === 'binary') {
    if (tensor.datatype === 'BYTES') checkBytesTensor(source, tensor);
    memory.u8.set(source.subarray(tensor.start, tensor.end), offset);
    return;
  }
  switch (tensor.datatype) {
    case 'FP32':
    case 'FP64':
      decodeFloats(source, tensor, memory, offset);
      break;
    case 'BOOL':
      decodeBooleans(source, tensor, memory, offset);
      break;
    case 'BYTES':
      decodeStrings(source, tensor, memory, offset);
      break;
    default:
      decodeIntegers(source, tensor, memory, offset);
  }
}
