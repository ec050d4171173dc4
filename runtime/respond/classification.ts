import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { InferReply, OutputTensor } from '../../contract/inference.js';
import { packedStrings } from './string-elements.js';

/**
 * The classification extension: the `count` greatest values of each row as BYTES, each `value:index` or `value:index:label`,
 * greatest first, equal ones by index. A batched model gives [batch, N]; one that is not gives [N], all its elements being one row.
 */
export function classesOf(
  output: OutputTensor,
  count: number,
  reply: Pick<InferReply, 'labels' | 'batched'>,
): OutputTensor {
  const read = reader(output);
  const elements = output.bytes.length / DATATYPE_BYTES[output.datatype];
  const rows = reply.batched ? (output.shape[0] ?? 1) : 1;
  const width = rows === 0 ? 0 : elements / rows;
  const classes = Math.min(count, width);
  const labels = Object.hasOwn(reply.labels, output.name) ? reply.labels[output.name] : undefined;
  const texts: string[] = [];
  for (let row = 0; row < rows; row++) {
    const values = Array.from({ length: width }, (_, index) => read(row * width + index));
    const order = values.map((_, index) => index).sort((a, b) => descending(values[a], values[b]) || a - b);
    for (let rank = 0; rank < classes; rank++) {
      const index = order[rank];
      const label = labels?.[index];
      texts.push(`${valueText(values[index])}:${index}${label === undefined ? '' : `:${label}`}`);
    }
  }
  return {
    name: output.name,
    datatype: 'BYTES',
    shape: reply.batched ? [rows, classes] : [classes],
    bytes: packedStrings(texts),
  };
}

interface ClassValue {
  readonly value: number | bigint;
  readonly whole: boolean;
}

function descending(a: ClassValue, b: ClassValue): number {
  if (a.value === b.value) return 0;
  // What is not a number comes last, or the order would depend on where it stands.
  if (Number.isNaN(a.value)) return Number.isNaN(b.value) ? 0 : 1;
  if (Number.isNaN(b.value)) return -1;
  return a.value > b.value ? -1 : 1;
}

function valueText(one: ClassValue): string {
  return one.whole ? String(one.value) : sixDecimals(Number(one.value));
}

/** More decimals than any double needs to show whether it lies exactly between two texts of six. */
const TELLING_DECIMALS = 40;
const TO_FIXED_LIMIT = 1e21;

/** What C prints for `%f`: six decimals, and exact halves to the even digit, where `toFixed` would go up. */
export function sixDecimals(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Math.abs(value) >= TO_FIXED_LIMIT) return `${BigInt(value)}.000000`;
  const rounded = value.toFixed(6);
  const exact = value.toFixed(TELLING_DECIMALS);
  const cut = exact.slice(0, exact.indexOf('.') + 7);
  const isHalf = /^50*$/.test(exact.slice(cut.length));
  const text = isHalf && Number(cut.at(-1)) % 2 === 0 ? cut : rounded;
  return Object.is(value, -0) ? `-${text}` : text;
}

function reader(output: OutputTensor): (index: number) => ClassValue {
  const view = new DataView(output.bytes.buffer, output.bytes.byteOffset, output.bytes.byteLength);
  const read = (get: (at: number) => number | bigint, whole: boolean) => {
    const width = DATATYPE_BYTES[output.datatype];
    return (index: number): ClassValue => ({ value: get(index * width), whole });
  };
  switch (output.datatype) {
    case 'FP32':
      return read((at) => view.getFloat32(at, true), false);
    case 'FP64':
      return read((at) => view.getFloat64(at, true), false);
    case 'INT8':
      return read((at) => view.getInt8(at), true);
    case 'INT16':
      return read((at) => view.getInt16(at, true), true);
    case 'INT32':
      return read((at) => view.getInt32(at, true), true);
    case 'INT64':
      return read((at) => view.getBigInt64(at, true), true);
    case 'UINT8':
      return read((at) => view.getUint8(at), true);
    case 'UINT16':
      return read((at) => view.getUint16(at, true), true);
    case 'UINT32':
      return read((at) => view.getUint32(at, true), true);
    case 'UINT64':
      return read((at) => view.getBigUint64(at, true), true);
    default:
      throw new TidegateError(
        'INVALID_DATATYPE',
        `class result not available for output due to unsupported type '${output.datatype}': ask for '${output.name}' without 'classification'`,
      );
  }
}
