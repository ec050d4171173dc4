import type { Datatype } from '../../contract/datatype.js';

/** Field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3, those that are read or rewritten here. */
export const MODEL = { ir_version: 1, graph: 7, opset_import: 8, functions: 25 } as const;
export const GRAPH = {
  node: 1,
  initializer: 5,
  input: 11,
  output: 12,
  value_info: 13,
  quantization_annotation: 14,
  sparse_initializer: 15,
} as const;
export const NODE = { input: 1, output: 2, name: 3, op_type: 4, attribute: 5 } as const;
export const ATTRIBUTE = { name: 1, i: 3, g: 6, graphs: 11, type: 20 } as const;
export const ATTRIBUTE_INT = 2;
export const TENSOR = { name: 8, external_data: 13 } as const;
export const SPARSE_TENSOR = { values: 1 } as const;
export const QUANTIZATION_ANNOTATION = { tensor_name: 1 } as const;
export const STRING_ENTRY = { key: 1, value: 2 } as const;
export const VALUE_INFO = { name: 1, type: 2 } as const;
export const TYPE = { tensor: 1, sequence: 4, map: 5, sparse_tensor: 8, optional: 9 } as const;
export const TENSOR_TYPE = { elem_type: 1, shape: 2 } as const;
export const SHAPE = { dim: 1 } as const;
export const DIMENSION = { dim_value: 1, dim_param: 2 } as const;

export const ELEM_FLOAT = 1;
export const ELEM_BFLOAT16 = 16;

/** TensorProto.DataType by number. */
export const ELEM_NAMES = [
  'UNDEFINED',
  'FLOAT',
  'UINT8',
  'INT8',
  'UINT16',
  'INT16',
  'INT32',
  'INT64',
  'STRING',
  'BOOL',
  'FLOAT16',
  'DOUBLE',
  'UINT32',
  'UINT64',
  'COMPLEX64',
  'COMPLEX128',
  'BFLOAT16',
  'FLOAT8E4M3FN',
  'FLOAT8E4M3FNUZ',
  'FLOAT8E5M2',
  'FLOAT8E5M2FNUZ',
  'UINT4',
  'INT4',
  'FLOAT4E2M1',
  'FLOAT8E8M0',
] as const;

const DATATYPE_OF_ELEM: ReadonlyMap<string, Datatype> = new Map<string, Datatype>([
  ['FLOAT', 'FP32'],
  ['UINT8', 'UINT8'],
  ['INT8', 'INT8'],
  ['UINT16', 'UINT16'],
  ['INT16', 'INT16'],
  ['INT32', 'INT32'],
  ['INT64', 'INT64'],
  ['STRING', 'BYTES'],
  ['BOOL', 'BOOL'],
  ['FLOAT16', 'FP16'],
  ['DOUBLE', 'FP64'],
  ['UINT32', 'UINT32'],
  ['UINT64', 'UINT64'],
  ['BFLOAT16', 'BF16'],
]);

export function elemName(elem: number): string {
  return ELEM_NAMES[elem] ?? `element type ${elem}`;
}

/** undefined: a type that the Open Inference Protocol has no name for. */
export function datatypeOfElem(elem: number): Datatype | undefined {
  return DATATYPE_OF_ELEM.get(elemName(elem));
}
