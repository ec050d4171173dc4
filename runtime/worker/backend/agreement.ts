import type { Datatype } from '../../../contract/datatype.js';
import type { BackendTensor } from './backend.js';
import { fromHalf } from './half-float.js';

interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** A GPU adds in another order, and some drivers multiply less exactly. Whole numbers and truth values have no excuse. */
const TOLERANCES: Partial<Record<Datatype, Tolerance>> = {
  FP32: { relative: 1e-3, absolute: 1e-4 },
  FP64: { relative: 1e-6, absolute: 1e-9 },
  FP16: { relative: 2e-2, absolute: 1e-2 },
};

/** undefined: they agree. Otherwise where they differ first, for people. */
export function disagreement(found: readonly BackendTensor[], expected: readonly BackendTensor[]): string | undefined {
  for (const [index, reference] of expected.entries()) {
    const reason = tensorDisagreement(found[index], reference);
    if (reason !== undefined) return `output '${reference.name}' ${reason}`;
  }
  return undefined;
}

function tensorDisagreement(found: BackendTensor | undefined, expected: BackendTensor): string | undefined {
  if (found === undefined) return 'is missing';
  if (found.datatype !== expected.datatype) return `is ${found.datatype}, on the CPU ${expected.datatype}`;
  if (found.shape.join() !== expected.shape.join())
    return `has shape [${found.shape.join()}], on the CPU [${expected.shape.join()}]`;
  const tolerance = TOLERANCES[expected.datatype];
  if (tolerance === undefined || !(found.data instanceof Uint8Array) || !(expected.data instanceof Uint8Array))
    return Buffer.compare(bytesOf(found), bytesOf(expected)) === 0 ? undefined : 'differs from the CPU';
  const [ours, theirs] = [numbers(found.data, expected.datatype), numbers(expected.data, expected.datatype)];
  for (let at = 0; at < theirs.length; at++) {
    if (!close(ours[at], theirs[at], tolerance)) return `has ${ours[at]} at element ${at}, on the CPU ${theirs[at]}`;
  }
  return undefined;
}

function close(a: number, b: number, { relative, absolute }: Tolerance): boolean {
  if (Object.is(a, b) || a === b) return true;
  // Of an infinite value any distance would be a small part.
  return Number.isFinite(b) && Math.abs(a - b) <= absolute + relative * Math.abs(b);
}

function bytesOf({ data }: BackendTensor): Buffer {
  return data instanceof Uint8Array ? Buffer.from(data) : Buffer.from(JSON.stringify(data));
}

export function numbers(data: Uint8Array, datatype: Datatype): Float32Array | Float64Array {
  const { buffer } = new Uint8Array(data);
  if (datatype === 'FP16') return Float32Array.from(new Uint16Array(buffer), fromHalf);
  return datatype === 'FP64' ? new Float64Array(buffer) : new Float32Array(buffer);
}
