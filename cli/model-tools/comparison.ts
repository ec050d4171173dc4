import { numbers } from '../../runtime/worker/backend/agreement.js';
import type { BackendTensor } from '../../runtime/worker/backend/backend.js';

export interface OutputDifference {
  readonly output: string;
  /** The largest distance of two values, and the largest value that was expected: their ratio is what counts. */
  readonly largest: number;
  readonly scale: number;
  /** Why the two cannot be compared at all; '' where they can. */
  readonly fault: string;
}

/** How far two ways of running one model are apart, output by output. */
export function differences(found: readonly BackendTensor[], expected: readonly BackendTensor[]): OutputDifference[] {
  return expected.map((reference) => {
    const { name: output } = reference;
    const ours = found.find(({ name }) => name === output);
    const fault = faultOf(ours, reference);
    if (fault !== '' || ours === undefined) return { output, largest: 0, scale: 0, fault };
    const [a, b] = [valuesOf(ours), valuesOf(reference)];
    let largest = 0;
    let scale = 0;
    for (let at = 0; at < b.length; at++) {
      const distance = Object.is(a[at], b[at]) ? 0 : Math.abs(a[at] - b[at]);
      if (Number.isNaN(distance))
        return { output, largest, scale, fault: `has ${a[at]} at element ${at}, where ${b[at]} is right` };
      largest = Math.max(largest, distance);
      scale = Math.max(scale, Math.abs(b[at]));
    }
    return { output, largest, scale, fault: '' };
  });
}

export function ratioOf({ largest, scale }: OutputDifference): number {
  return largest === 0 ? 0 : largest / Math.max(scale, Number.MIN_VALUE);
}

/** Whether every output lies within `tolerance` of its own scale. */
export function agrees(compared: readonly OutputDifference[], tolerance: number): boolean {
  return compared.every((each) => each.fault === '' && ratioOf(each) <= tolerance);
}

function faultOf(found: BackendTensor | undefined, expected: BackendTensor): string {
  if (found === undefined) return 'is missing';
  if (found.datatype !== expected.datatype) return `is ${found.datatype}, and was ${expected.datatype}`;
  if (found.shape.join() !== expected.shape.join())
    return `has shape [${found.shape.join()}], and had [${expected.shape.join()}]`;
  const isText = !(found.data instanceof Uint8Array) || !(expected.data instanceof Uint8Array);
  if (!isText) return '';
  return JSON.stringify(found.data) === JSON.stringify(expected.data) ? '' : 'is other text';
}

function valuesOf({ data, datatype }: BackendTensor): ArrayLike<number> {
  if (!(data instanceof Uint8Array)) return [];
  const { buffer } = new Uint8Array(data);
  switch (datatype) {
    case 'FP16':
    case 'FP32':
    case 'FP64':
      return numbers(data, datatype);
    case 'INT64':
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case 'UINT64':
      return Float64Array.from(new BigUint64Array(buffer), Number);
    case 'INT32':
      return new Int32Array(buffer);
    case 'UINT32':
      return new Uint32Array(buffer);
    case 'INT16':
      return new Int16Array(buffer);
    case 'UINT16':
      return new Uint16Array(buffer);
    case 'INT8':
      return new Int8Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}
