import type { TensorMetadata } from '../runtime/model/model-config.js';

/** Realistic rows for the models of examples/, by model and input. */
const KNOWN_ROWS: Readonly<Record<string, readonly number[]>> = {
  iris: [5.1, 3.5, 1.4, 0.2],
  // Dallas to Richmond, Friday 15 June 2001, 14:23; it came 7 minutes late. The names: examples/flights/features.ts.
  flights: [
    -0.584, -0.812, 0.948, 0.317, 0, 0, 0, 0, 1, 0, 0, 11.58, 7.054, -1.315, -1.449, -1.575, -0.676, -0.76, 12.344,
    5.382, -0.601, 0.768,
  ],
};

/** A request that the model accepts: one row, every other variable dimension 1; a realistic row where one is known. */
export function sampleRequest(model: string, inputs: readonly TensorMetadata[]): { inputs: unknown[] } {
  return {
    inputs: inputs.map(({ name, datatype, shape }) => {
      const own = shape.map((dim) => (dim < 0 ? 1 : dim));
      const elements = own.reduce((product, dim) => product * dim, 1);
      return { name, datatype, shape: own, data: sampleData(model, datatype, elements) };
    }),
  };
}

function sampleData(model: string, datatype: string, elements: number): unknown[] {
  const known = KNOWN_ROWS[model];
  if (known !== undefined && known.length === elements) return [...known];
  if (datatype === 'BYTES') return new Array<string>(elements).fill('text');
  if (datatype === 'BOOL') return new Array<boolean>(elements).fill(false);
  return new Array<number>(elements).fill(0);
}

/** A `curl` line that works when pasted. */
export function curlLine(url: string, model: string, inputs: readonly TensorMetadata[]): string {
  return `curl -s -d '${JSON.stringify(sampleRequest(model, inputs))}' ${url}/v2/models/${encodeURIComponent(model)}/infer`;
}
