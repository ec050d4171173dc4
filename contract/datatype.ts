/** The Open Inference Protocol's datatypes, and the width of one element in bytes (0: variable, BYTES). */
export const DATATYPE_BYTES = {
  BOOL: 1,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const;

export type Datatype = keyof typeof DATATYPE_BYTES;

export const DATATYPES = Object.keys(DATATYPE_BYTES) as readonly Datatype[];

export function isDatatype(text: string): text is Datatype {
  return Object.hasOwn(DATATYPE_BYTES, text);
}
