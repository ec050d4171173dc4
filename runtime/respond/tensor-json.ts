import { isUtf8 } from 'node:buffer';
import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { OutputTensor } from '../../contract/inference.js';
import { NumberText } from './number-text.js';
import { stringElements } from './string-elements.js';

const writer = new NumberText();

const TWO_TO_THE_32 = 2 ** 32;
/** High words from -2^21 to below 2^21 stand for integers that a double holds exactly. */
const SAFE_HIGH = 2 ** 21;

/** The elements of a tensor as JSON, without the brackets around them. */
export function tensorJson(tensor: OutputTensor): string {
  const { datatype } = tensor;
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw new TidegateError(
      'INVALID_DATATYPE',
      `sending ${datatype} data via JSON is not supported. Please use the binary data format for output ${tensor.name}`,
    );
  }
  if (datatype === 'BYTES') return stringsJson(tensor);
  const view = viewOf(tensor.bytes);
  const count = tensor.bytes.length / DATATYPE_BYTES[datatype];
  writer.begin();
  switch (datatype) {
    case 'FP32':
    case 'FP64':
      writeFloats(tensor, view, count);
      break;
    case 'INT64':
    case 'UINT64':
      writeLongs(view, count, datatype === 'INT64');
      break;
    default:
      for (let i = 0; i < count; i++) writeShort(view, datatype, i);
  }
  return writer.end();
}

/** Tensors lie in memory as the batch left them, at any offset: a DataView reads them there, without a copy. */
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeFloats(tensor: OutputTensor, view: DataView, count: number): void {
  const single = tensor.datatype === 'FP32';
  for (let i = 0; i < count; i++) {
    const value = single ? view.getFloat32(i * 4, true) : view.getFloat64(i * 8, true);
    // Not a number minus itself is not 0, and neither is infinity.
    if (value - value !== 0) throw notFinite(tensor, i, value);
    if (single) writer.float(value);
    else writer.double(value);
  }
}

function notFinite(tensor: OutputTensor, index: number, value: number): TidegateError {
  return new TidegateError(
    'INVALID_VALUE',
    `output '${tensor.name}' holds ${value} at index ${index}, which JSON cannot carry: ask for it in binary ("parameters":{"binary_data":true})`,
  );
}

function writeLongs(view: DataView, count: number, signed: boolean): void {
  for (let i = 0; i < count; i++) {
    const low = view.getUint32(i * 8, true);
    const high = signed ? view.getInt32(i * 8 + 4, true) : view.getUint32(i * 8 + 4, true);
    if (high >= -SAFE_HIGH && high < SAFE_HIGH) writer.integer(high * TWO_TO_THE_32 + low);
    else writer.word(String(signed ? view.getBigInt64(i * 8, true) : view.getBigUint64(i * 8, true)));
  }
}

function writeShort(view: DataView, datatype: OutputTensor['datatype'], index: number): void {
  switch (datatype) {
    case 'BOOL':
      writer.word(view.getUint8(index) === 0 ? 'false' : 'true');
      break;
    case 'INT8':
      writer.integer(view.getInt8(index));
      break;
    case 'UINT8':
      writer.integer(view.getUint8(index));
      break;
    case 'INT16':
      writer.integer(view.getInt16(index * 2, true));
      break;
    case 'UINT16':
      writer.integer(view.getUint16(index * 2, true));
      break;
    case 'INT32':
      writer.integer(view.getInt32(index * 4, true));
      break;
    case 'UINT32':
      writer.integer(view.getUint32(index * 4, true));
      break;
    default:
      throw new TypeError(`${datatype} is no short integer`);
  }
}

function stringsJson(tensor: OutputTensor): string {
  const parts: string[] = [];
  for (const element of stringElements(tensor)) {
    if (!isUtf8(element)) {
      throw new TidegateError(
        'INVALID_VALUE',
        `output '${tensor.name}' holds bytes at index ${parts.length} that are not UTF-8, which JSON cannot carry: ask for it in binary ("parameters":{"binary_data":true})`,
      );
    }
    parts.push(JSON.stringify(element.toString('utf8')));
  }
  return parts.join(',');
}
