import { DATATYPE_BYTES, type Datatype } from '../../contract/datatype.js';
import { TidegateError } from '../../contract/error.js';
import { ENTITY_KEY, type FromRequest, type LogPolicy } from '../../contract/log-policy.js';
import type { LoggedFeature } from '../../contract/prediction-record.js';
import type { TensorSpec } from '../../contract/signature.js';
import { nearestName } from '../../std/nearest-name.js';
import { fitsFloat, isFloat } from './element-reader.js';

/** One element of a row of an input. */
export interface PlannedFeature extends LoggedFeature {
  /** Of the input, among those that callers give. */
  readonly index: number;
  /** Position among the features of its kind. */
  readonly place: number;
}

export interface PlannedLogInput {
  readonly name: string;
  readonly datatype: Datatype;
  /** Bytes of an element; 0 for BYTES. */
  readonly width: number;
  /** Elements of a row; -1 where that varies. */
  readonly elements: number;
  readonly features: readonly PlannedFeature[];
}

/** Where the value of an entity key or of a segment comes from. */
export type ValueSource =
  | { readonly from: 'parameter'; readonly name: string }
  | { readonly from: 'feature'; readonly input: number; readonly element: number; readonly hashed: boolean };

export interface FeaturePlan {
  readonly inputs: readonly PlannedLogInput[];
  /** Empty where a digest is kept. */
  readonly features: readonly PlannedFeature[];
  readonly num_width: number;
  readonly cat_width: number;
  /** Whether a numeric feature needs a double. */
  readonly num_double: boolean;
  /** The bytes of the only input are the numeric features, as they lie there. */
  readonly verbatim: boolean;
  readonly kept: 'kept' | 'digest';
  readonly max_input_bytes: number;
  /** Bytes of a row in inputs of fixed width. */
  readonly fixed_bytes: number;
  readonly has_bytes: boolean;
  /** Something is redacted or hashed: then a digest must not tell it either. */
  readonly is_private: boolean;
  readonly entity_key: ValueSource | undefined;
  readonly segments: readonly ValueSource[];
  readonly segment_names: readonly string[];
}

/** `specs`: the inputs that callers give, in order. Throws INVALID_CONFIG for names in the policy that the model does not have. */
export function planFeatures(specs: readonly TensorSpec[], batched: boolean, policy: LogPolicy): FeaturePlan {
  const names = namesOf(specs, batched, policy);
  checkNames(names);
  const counters = { numeric: 0, categorical: 0 };
  const inputs = specs.map((spec, index) => planInput(spec, index, batched, policy, names, counters));
  const fixed_bytes = inputs.reduce((sum, { width, elements }) => sum + width * Math.max(0, elements), 0);
  const varies = inputs.some(({ elements }) => elements < 0);
  const kept = varies || fixed_bytes > policy.max_input_bytes ? 'digest' : 'kept';
  const features = kept === 'digest' ? [] : inputs.flatMap((input) => input.features);
  const numeric = features.filter(({ kind }) => kind === 'numeric');
  const find = (source: FromRequest, key: string) => valueSource(source, key, inputs, names, policy);
  return {
    inputs,
    features,
    num_width: numeric.length,
    cat_width: features.length - numeric.length,
    num_double: numeric.some(({ index }) => !fitsFloat(inputs[index].datatype)),
    verbatim:
      inputs.length === 1 &&
      (inputs[0].datatype === 'FP32' || inputs[0].datatype === 'FP64') &&
      features.every(({ privacy, kind }) => privacy === 'plain' && kind === 'numeric'),
    kept,
    max_input_bytes: policy.max_input_bytes,
    fixed_bytes,
    has_bytes: inputs.some(({ datatype }) => datatype === 'BYTES'),
    is_private: policy.redact.length > 0 || policy.hash.some((name) => name !== ENTITY_KEY),
    entity_key: policy.entity_key === undefined ? undefined : find(policy.entity_key, 'entity_key'),
    segments: Object.entries(policy.segments).map(([name, source]) => find(source, `segments.${name}`)),
    segment_names: Object.keys(policy.segments),
  };
}

/** Names of the elements of each input. */
function namesOf(specs: readonly TensorSpec[], batched: boolean, policy: LogPolicy): string[][] {
  const inputs = specs.map(({ name }) => name);
  for (const name of Object.keys(policy.features))
    if (!inputs.includes(name)) throw unknown('features', 'input', name, inputs);
  return specs.map((spec) => {
    const elements = elementsOf(spec, batched);
    const said = Object.hasOwn(policy.features, spec.name) ? policy.features[spec.name] : undefined;
    if (said !== undefined && said.length !== elements) {
      const has = elements < 0 ? 'a number of elements that varies' : `${elements} elements a row`;
      throw invalid(`features.${spec.name} has ${said.length} names, the input has ${has}`);
    }
    if (said !== undefined) return said;
    if (elements < 0 || elements * Math.max(1, DATATYPE_BYTES[spec.datatype]) > policy.max_input_bytes) return [];
    return elements === 1 ? [spec.name] : Array.from({ length: elements }, (_, index) => `${spec.name}[${index}]`);
  });
}

/** Elements of a row; -1 where that varies. */
export function elementsOf(spec: TensorSpec, batched: boolean): number {
  const dims = batched ? spec.shape.slice(1) : spec.shape;
  return dims.some((dim) => dim < 0) ? -1 : dims.reduce((product, dim) => product * dim, 1);
}

type Names = readonly (readonly string[])[];

function checkNames(names: Names): void {
  const seen = new Set<string>();
  for (const name of names.flat()) {
    if (seen.has(name)) throw invalid(`features: '${name}' is the name of two features`);
    seen.add(name);
  }
}

function planInput(
  spec: TensorSpec,
  index: number,
  batched: boolean,
  policy: LogPolicy,
  names: Names,
  counters: { numeric: number; categorical: number },
): PlannedLogInput {
  const { name: input, datatype } = spec;
  const listed = (list: readonly string[], name: string) => list.includes(name) || list.includes(input);
  const features = names[index].map((name, element): PlannedFeature => {
    const privacy = listed(policy.redact, name) ? 'redacted' : listed(policy.hash, name) ? 'hashed' : 'plain';
    const isCategory = listed(policy.categorical, name);
    if (isCategory && isFloat(datatype)) {
      throw invalid(`categorical: '${name}' is ${datatype}: only whole numbers, BOOL and BYTES can be categories`);
    }
    const kind = datatype === 'BYTES' || isCategory || privacy === 'hashed' ? 'categorical' : 'numeric';
    return { name, kind, input, element, privacy, index, place: counters[kind]++ };
  });
  return { name: input, datatype, width: DATATYPE_BYTES[datatype], elements: elementsOf(spec, batched), features };
}

function valueSource(
  source: FromRequest,
  key: string,
  inputs: readonly PlannedLogInput[],
  names: Names,
  policy: LogPolicy,
): ValueSource {
  if ('parameter' in source) return { from: 'parameter', name: source.parameter };
  for (const [input, { features, name, elements, datatype }] of inputs.entries()) {
    const feature = features.find((each) => each.name === source.input);
    const isWhole = name === source.input;
    if (feature === undefined && !isWhole) continue;
    if (feature === undefined && elements !== 1) {
      throw invalid(
        `${key}: input '${name}' has ${elements < 0 ? 'a varying number of' : elements} elements a row: name one`,
      );
    }
    if (feature?.privacy === 'redacted') throw invalid(`${key}: '${source.input}' is redacted`);
    if (datatype === 'BYTES' && elements < 0) throw invalid(`${key}: '${name}' has a varying number of elements`);
    const hashed = feature?.privacy === 'hashed' || listedIn(policy.hash, name);
    return { from: 'feature', input, element: feature?.element ?? 0, hashed };
  }
  throw unknown(key, 'input or feature', source.input, [...inputs.map(({ name }) => name), ...names.flat()]);
}

function listedIn(list: readonly string[], name: string): boolean {
  return list.includes(name);
}

/** What `categorical`, `redact` and `hash` name must be there. */
export function checkListed(specs: readonly TensorSpec[], batched: boolean, policy: LogPolicy): void {
  const known = [...new Set([...specs.map(({ name }) => name), ...namesOf(specs, batched, policy).flat()])];
  for (const key of ['categorical', 'redact', 'hash'] as const) {
    for (const name of policy[key]) {
      if (known.includes(name) || (key === 'hash' && name === ENTITY_KEY)) continue;
      throw unknown(key, 'input or feature', name, known);
    }
  }
}

export function unknown(key: string, what: string, name: string, known: readonly string[]): TidegateError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `: it has ${known.slice(0, 20).join(', ')}` : `: did you mean '${nearest}'?`;
  return invalid(`${key}: the model has no ${what} '${name}'${hint}`);
}

export function invalid(reason: string): TidegateError {
  return new TidegateError('INVALID_CONFIG', `log.${reason}`);
}
