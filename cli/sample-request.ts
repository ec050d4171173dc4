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

export interface Request {
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly number[];
    readonly data: readonly unknown[];
  }[];
}

/** A request that the model accepts: one row, every other variable dimension 1; a realistic row where one is known. */
export function sampleRequest(model: string, inputs: readonly TensorMetadata[]): Request {
  return oneRow(inputs, (datatype, elements) => sampleData(model, datatype, elements));
}

/** The same with random values: between -1 and 1, or 0 to 9 where they are whole. */
export function randomRequest(inputs: readonly TensorMetadata[], random: () => number = Math.random): Request {
  return oneRow(inputs, (datatype, elements) =>
    Array.from({ length: elements }, () => randomValue(datatype, random())),
  );
}

function oneRow(
  inputs: readonly TensorMetadata[],
  dataOf: (datatype: string, elements: number) => readonly unknown[],
): Request {
  return {
    inputs: inputs.map(({ name, datatype, shape }) => {
      const own = shape.map((dim) => (dim < 0 ? 1 : dim));
      const elements = own.reduce((product, dim) => product * dim, 1);
      return { name, datatype, shape: own, data: dataOf(datatype, elements) };
    }),
  };
}

function randomValue(datatype: string, random: number): unknown {
  const whole = Math.floor(random * 10);
  if (datatype === 'BYTES') return `text ${whole}`;
  if (datatype === 'BOOL') return whole >= 5;
  return /^U?INT/.test(datatype) ? whole : Number((random * 2 - 1).toFixed(4));
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
  return `curl -s -d '${shellQuoted(JSON.stringify(sampleRequest(model, inputs)))}' ${url}/v2/models/${pathSegment(model)}/infer`;
}

/** Text between single quotes of a shell, where only they themselves mean something. */
function shellQuoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}

/** `encodeURIComponent` leaves what a shell would take for its own. */
function pathSegment(text: string): string {
  const code = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*~]/g, code);
}
