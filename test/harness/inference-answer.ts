import { type ExactJson, NumberText, parseExactJson } from './exact-json.js';

/** One output as it can be compared: each value as text that is equal exactly where the values are equal to the bit. */
export interface ComparableOutput {
  readonly datatype: string;
  readonly shape: string;
  readonly transport: 'json' | 'binary';
  readonly values: readonly string[];
}

export interface ComparableInference {
  readonly members: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, ComparableOutput>;
}

/** Reads an inference answer: JSON, and the binary tensors that follow it. Throws an Error that says what is wrong with it. */
export function readInference(json: Buffer, binary: Buffer): ComparableInference {
  const root = parseExactJson(json);
  if (!(root instanceof Map)) throw new Error('the answer is no JSON object');
  const members = new Map<string, string>();
  for (const [name, value] of root as ReadonlyMap<string, ExactJson>) {
    if (name !== 'outputs') members.set(name, plain(value));
  }
  const outputs = new Map<string, ComparableOutput>();
  const list = root.get('outputs');
  if (!Array.isArray(list)) throw new Error('the answer has no list of outputs');
  let at = 0;
  for (const output of list) {
    if (!(output instanceof Map)) throw new Error('an output is no JSON object');
    const name = plain(output.get('name'));
    if (outputs.has(name)) throw new Error(`the output ${name} is there twice`);
    const read = readOutput(output, binary.subarray(at));
    outputs.set(name, read.output);
    at += read.binaryBytes;
  }
  if (at !== binary.length) throw new Error(`${binary.length} bytes follow the JSON, the outputs account for ${at}`);
  return { members, outputs };
}

function readOutput(
  output: ReadonlyMap<string, ExactJson>,
  binary: Buffer,
): { readonly output: ComparableOutput; readonly binaryBytes: number } {
  const datatype = plain(output.get('datatype'));
  const shape = plain(output.get('shape'));
  const parameters = output.get('parameters');
  const size = parameters instanceof Map ? parameters.get('binary_data_size') : undefined;
  if (size === undefined) {
    const values = flat(output.get('data')).map((value) => elementText(datatype, value));
    return { output: { datatype, shape, transport: 'json', values }, binaryBytes: 0 };
  }
  if (output.has('data')) throw new Error('an output has both data and binary_data_size');
  const binaryBytes = Number(plain(size));
  if (binaryBytes > binary.length)
    throw new Error(`binary_data_size ${binaryBytes}, but ${binary.length} bytes are left`);
  const values = binaryTexts(datatype, binary.subarray(0, binaryBytes));
  return { output: { datatype, shape, transport: 'binary', values }, binaryBytes };
}

function flat(value: ExactJson | undefined): readonly ExactJson[] {
  if (!Array.isArray(value)) throw new Error('an output has neither data nor binary_data_size');
  return value.flatMap((each) => (Array.isArray(each) ? flat(each) : [each]));
}

function elementText(datatype: string, value: ExactJson): string {
  if (datatype === 'BYTES') {
    if (!Buffer.isBuffer(value)) throw new Error(`a BYTES element is ${plain(value)}`);
    return value.toString('latin1');
  }
  if (datatype === 'BOOL') {
    if (typeof value !== 'boolean') throw new Error(`a BOOL element is ${plain(value)}`);
    return String(value);
  }
  if (!(value instanceof NumberText)) throw new Error(`a ${datatype} element is ${plain(value)}`);
  if (datatype.startsWith('FP'))
    return floatText(datatype === 'FP32' ? Math.fround(Number(value.text)) : Number(value.text));
  return BigInt(value.text).toString();
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

type ReadElement = (bytes: Buffer, at: number) => string;

const BINARY: Readonly<Record<string, readonly [bytes: number, read: ReadElement]>> = {
  BOOL: [1, (bytes, at) => String(bytes[at] !== 0)],
  INT8: [1, (bytes, at) => String(bytes.readInt8(at))],
  INT16: [2, (bytes, at) => String(bytes.readInt16LE(at))],
  INT32: [4, (bytes, at) => String(bytes.readInt32LE(at))],
  INT64: [8, (bytes, at) => String(bytes.readBigInt64LE(at))],
  UINT8: [1, (bytes, at) => String(bytes.readUInt8(at))],
  UINT16: [2, (bytes, at) => String(bytes.readUInt16LE(at))],
  UINT32: [4, (bytes, at) => String(bytes.readUInt32LE(at))],
  UINT64: [8, (bytes, at) => String(bytes.readBigUInt64LE(at))],
  // No answer carries half precision in JSON, so its bits are enough.
  FP16: [2, (bytes, at) => bytes.readUInt16LE(at).toString(16)],
  BF16: [2, (bytes, at) => bytes.readUInt16LE(at).toString(16)],
  FP32: [4, (bytes, at) => floatText(bytes.readFloatLE(at))],
  FP64: [8, (bytes, at) => floatText(bytes.readDoubleLE(at))],
};

function binaryTexts(datatype: string, bytes: Buffer): string[] {
  const texts: string[] = [];
  if (datatype === 'BYTES') {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32LE(at);
      if (end > bytes.length) throw new Error('a BYTES element runs past the end');
      texts.push(bytes.toString('latin1', at + 4, end));
      at = end;
    }
    return texts;
  }
  const kind = BINARY[datatype];
  if (kind === undefined) throw new Error(`unknown datatype ${datatype}`);
  const [width, read] = kind;
  if (bytes.length % width !== 0) throw new Error(`${bytes.length} bytes are no whole number of ${datatype}`);
  for (let at = 0; at < bytes.length; at += width) texts.push(read(bytes, at));
  return texts;
}

/** JSON as text to compare and to show. */
function plain(value: ExactJson | undefined): string {
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  if (value instanceof NumberText) return value.text;
  if (value instanceof Map) return `{${[...value].map(([name, each]) => `${name}:${plain(each)}`).join()}}`;
  if (Array.isArray(value)) return `[${value.map(plain).join()}]`;
  return String(value);
}
