import { DATATYPE_BYTES } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import type { Manifest } from '../../contract/manifest.js';
import type { ModelSignature, TensorSpec } from '../../contract/signature.js';
import { nearestName } from '../../std/nearest-name.js';
import { stateBatchAxis } from './batching.js';

/** What a manifest says about a model against what the model is. Throws INVALID_CONFIG. */
export function checkAgainstSignature(manifest: Manifest, signature: ModelSignature): void {
  checkTensors(manifest.inputs, signature.inputs, 'input');
  checkTensors(manifest.outputs, signature.outputs, 'output');
  checkStates(manifest, signature);
  for (const [name, value] of Object.entries(manifest.constants))
    checkConstant(find(signature.inputs, name, 'input', 'constants'), value);
  for (const name of Object.keys(manifest.labels)) find(signature.outputs, name, 'output', 'labels');
}

type Role = 'input' | 'output';

function find(specs: readonly TensorSpec[], name: string, role: Role, key: string): TensorSpec {
  const spec = specs.find((candidate) => candidate.name === name);
  if (spec !== undefined) return spec;
  const names = specs.map((candidate) => candidate.name);
  const nearest = nearestName(name, names);
  throw invalid(
    `${key}: the model has no ${role} '${name}'${nearest === undefined ? `, its ${role}s are ${names.join(', ')}` : `: did you mean '${nearest}'?`}`,
  );
}

function checkTensors(said: Manifest['inputs'], specs: readonly TensorSpec[], role: Role): void {
  for (const [name, { datatype, shape }] of Object.entries(said)) {
    const spec = find(specs, name, role, `${role}s`);
    if (datatype !== undefined && datatype !== spec.datatype) {
      throw invalid(`${role}s.${name}: the manifest says ${datatype}, the model file ${spec.datatype}`);
    }
    if (shape !== undefined && !compatible(shape, spec.shape)) {
      throw invalid(`${role}s.${name}: the manifest says shape [${shape}], the model file [${spec.shape}]`);
    }
  }
}

function compatible(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim < 0 || b[i] < 0 || dim === b[i]);
}

function checkStates(manifest: Manifest, signature: ModelSignature): void {
  for (const pair of manifest.state) {
    const input = find(signature.inputs, pair.input, 'input', 'state');
    const output = find(signature.outputs, pair.output, 'output', 'state');
    if (input.datatype !== output.datatype) {
      throw invalid(
        `state: input '${input.name}' is ${input.datatype}, output '${output.name}' is ${output.datatype}: they must be equal`,
      );
    }
    if (!compatible(input.shape, output.shape)) {
      throw invalid(
        `state: input '${input.name}' has shape [${input.shape}], output '${output.name}' [${output.shape}]: they must be equal`,
      );
    }
    if (input.datatype === 'BYTES')
      throw invalid(`state '${input.name}' is BYTES: a state needs elements of a fixed size`);
    const axis = stateBatchAxis(input, pair);
    if (axis >= input.shape.length)
      throw invalid(`state '${input.name}' has ${input.shape.length} dimensions, batch_axis is ${axis}`);
    if (input.shape.some((dim, i) => dim < 0 && i !== axis)) {
      throw invalid(`state '${input.name}' has shape [${input.shape}]: only its batch dimension may be variable`);
    }
  }
}

const RANGES: Partial<Record<string, readonly [number, number]>> = {
  INT8: [-128, 127],
  INT16: [-32_768, 32_767],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  UINT8: [0, 255],
  UINT16: [0, 65_535],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
};

function checkConstant(spec: TensorSpec, value: Manifest['constants'][string]): void {
  const values = Array.isArray(value) ? value : [value];
  for (const element of values) {
    if (!fits(spec, element))
      throw invalid(`constants.${spec.name}: ${JSON.stringify(element)} is no ${spec.datatype}`);
  }
  const variable = spec.shape.filter((dim) => dim < 0).length;
  const fixed = spec.shape.reduce((product, dim) => (dim < 0 ? product : product * dim), 1);
  const good = variable === 0 ? values.length === fixed : variable === 1 && fixed > 0 && values.length % fixed === 0;
  if (!good) throw invalid(`constants.${spec.name}: ${values.length} values do not fill the shape [${spec.shape}]`);
}

function fits(spec: TensorSpec, element: number | boolean | string): boolean {
  if (spec.datatype === 'BYTES') return typeof element === 'string';
  if (spec.datatype === 'BOOL') return typeof element === 'boolean' || element === 0 || element === 1;
  if (typeof element !== 'number') return false;
  const range = RANGES[spec.datatype];
  if (range === undefined) return DATATYPE_BYTES[spec.datatype] > 0;
  return Number.isInteger(element) && element >= range[0] && element <= range[1];
}

function invalid(reason: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', reason);
}
