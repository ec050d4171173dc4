import { DATATYPE_BYTES } from '../../../contract/datatype.js';
import type { LoadOrder, WorkerTensor } from '../messages.js';
import type { BackendTensor } from './backend.js';
import { toHalf } from './half-float.js';

/** Inputs for a comparison of two ways to run one model: values between -1 and 1, the same every time, and small whole numbers. */
export function sampleRows(order: LoadOrder, rows: number): BackendTensor[] {
  const given = [...order.inputs, ...order.states.map(({ input }) => input)].map((spec) => sampleOf(spec, rows));
  const constants = order.constants.map(({ bytes, ...tensor }) => ({ ...tensor, data: bytes }));
  return [...given, ...constants];
}

/** The outputs to compare, states among them. */
export function comparedOutputs(order: LoadOrder): string[] {
  return [...order.outputs.map(({ name }) => name), ...order.states.map(({ output }) => output)];
}

function sampleOf(spec: WorkerTensor, rows: number): BackendTensor {
  const { name, datatype } = spec;
  const shape = spec.shape.map((dim, axis) => (axis === spec.batch_axis ? rows : Math.abs(dim)));
  const elements = shape.reduce((product, dim) => product * dim, 1);
  const waves = Float32Array.from({ length: elements }, (_, at) => Math.sin((at + 1) * 12.9898));
  switch (datatype) {
    case 'BYTES':
      throw new Error(`input '${name}' is BYTES, for which a comparison has no values`);
    case 'FP32':
      return { name, datatype, shape, data: new Uint8Array(waves.buffer) };
    case 'BF16':
      // Crosses as FP32 whose lower half is zero.
      return {
        name,
        datatype: 'FP32',
        shape,
        data: new Uint8Array(waves.map((value) => Math.round(value * 64) / 64).buffer),
      };
    case 'FP64':
      return { name, datatype, shape, data: new Uint8Array(Float64Array.from(waves).buffer) };
    case 'FP16':
      return { name, datatype, shape, data: new Uint8Array(Uint16Array.from(waves, toHalf).buffer) };
    default: {
      const width = DATATYPE_BYTES[datatype];
      const data = new Uint8Array(elements * width);
      for (let at = 0; at < elements; at++) data[at * width] = at % 2;
      return { name, datatype, shape, data };
    }
  }
}
