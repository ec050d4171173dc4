import { TidegateError } from '../../contract/error.js';

/**
 * How much of a body is JSON, by the header `Inference-Header-Content-Length` ('' when absent): the rest are binary tensors. 'raw'
 * means that the whole body is one tensor: the header says 0, or there is neither header nor body. Throws INVALID_BINARY.
 */
export function parseJsonLength(header: string, bodyBytes: number): number | 'raw' {
  if (header === '') return bodyBytes === 0 ? 'raw' : bodyBytes;
  const text = header.trim();
  const length = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (length < 0 || length > bodyBytes) {
    throw new TidegateError(
      'INVALID_BINARY',
      `inference header size should be in range (0, ${bodyBytes}), got: ${text.slice(0, 40)}`,
    );
  }
  return length === 0 ? 'raw' : length;
}
