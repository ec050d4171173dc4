import { TidegateError } from '../../contract/error.js';
import { DEFAULT_MAX_BATCH, type Manifest, type StatePair } from '../../contract/manifest.js';
import type { Batching, ModelSignature, TensorSpec } from '../../contract/signature.js';

/** Names by which exporters and people call the dimension along which rows are independent. Compared without regard to case. */
export const BATCH_NAMES: ReadonlySet<string> = new Set([
  'batch',
  'batch_size',
  'batchsize',
  'batch_dim',
  'num_batch',
  'num_batches',
  'n_batch',
  'nbatch',
  'bs',
  'n',
  'b',
]);

/**
 * Whether rows of different callers may share one run. A variable first dimension alone proves nothing: it may be a number of
 * boxes or of tokens that belong together. So without a word in the manifest the file itself must call it the batch.
 * Throws INVALID_CONFIG where the manifest asks for batches that the model cannot take.
 */
export function decideBatching(signature: ModelSignature, manifest: Manifest): Batching {
  if (manifest.max_batch === 0) return unbatched('max_batch is 0 in the manifest');
  const carriers = batchCarriers(signature, manifest);
  if (carriers.inputs.length === 0)
    return manifest.max_batch === undefined
      ? unbatched('no input is left to callers')
      : refuse('no input is left to callers');
  const rows = [...carriers.inputs, ...carriers.outputs];
  if (manifest.max_batch !== undefined) return asTheManifestSays(signature, manifest, manifest.max_batch, rows);
  const doubt = doubtOfName(signature, manifest, rows);
  if (doubt !== undefined) return unbatched(doubt);
  return { max_batch: DEFAULT_MAX_BATCH, reason: `the file calls the first dimension '${rows[0].symbols[0]}'` };
}

/**
 * The axis along which states of different sequences are put together; -1: the state has none, so that its model runs one
 * sequence at a time.
 */
export function stateBatchAxis(spec: TensorSpec, pair: StatePair): number {
  return pair.batch_axis ?? spec.shape.findIndex((dim) => dim < 0);
}

function unbatched(reason: string): Batching {
  return { max_batch: 0, reason };
}

function refuse(reason: string): never {
  throw new TidegateError('INVALID_CONFIG', `max_batch cannot be used: ${reason}. Leave max_batch out, or set it to 0`);
}

/** The tensors that would carry rows of several callers: all but constants and states. */
function batchCarriers(signature: ModelSignature, manifest: Manifest): ModelSignature {
  const stateInputs = new Set(manifest.state.map((pair) => pair.input));
  const stateOutputs = new Set(manifest.state.map((pair) => pair.output));
  return {
    inputs: signature.inputs.filter(
      (spec) => !stateInputs.has(spec.name) && !Object.hasOwn(manifest.constants, spec.name),
    ),
    outputs: signature.outputs.filter((spec) => !stateOutputs.has(spec.name)),
  };
}

function asTheManifestSays(
  signature: ModelSignature,
  manifest: Manifest,
  max_batch: number,
  rows: readonly TensorSpec[],
): Batching {
  for (const spec of rows) {
    const doubt = doubtOfFirstDimension(signature, spec);
    if (doubt !== undefined) refuse(doubt);
  }
  const doubt = doubtOfStates(signature, manifest, undefined);
  if (doubt !== undefined) refuse(doubt);
  return { max_batch, reason: `max_batch is ${max_batch} in the manifest` };
}

function doubtOfName(signature: ModelSignature, manifest: Manifest, rows: readonly TensorSpec[]): string | undefined {
  const [first] = rows;
  for (const spec of rows) {
    const doubt = doubtOfFirstDimension(signature, spec);
    if (doubt !== undefined) return doubt;
    const symbol = spec.symbols[0];
    if (symbol === '') return `the first dimension of '${spec.name}' has no name: set max_batch if it is the batch`;
    if (!BATCH_NAMES.has(symbol.toLowerCase())) {
      return `the first dimension of '${spec.name}' is called '${symbol}', not batch: set max_batch if it is the batch`;
    }
    if (symbol !== first.symbols[0]) {
      return `the first dimension is '${first.symbols[0]}' in '${first.name}' and '${symbol}' in '${spec.name}'`;
    }
  }
  const batch = first.symbols[0];
  const elsewhere = rows.find((spec) => spec.symbols.lastIndexOf(batch) > 0);
  if (elsewhere !== undefined) return `'${batch}' is another dimension of '${elsewhere.name}' too`;
  const constant = signature.inputs.find(
    (spec) => Object.hasOwn(manifest.constants, spec.name) && spec.symbols.includes(batch),
  );
  if (constant !== undefined) return `'${constant.name}', a constant of the manifest, has a dimension '${batch}'`;
  return doubtOfStates(signature, manifest, batch);
}

function doubtOfFirstDimension(signature: ModelSignature, spec: TensorSpec): string | undefined {
  if (spec.shape.length > 0 && spec.shape[0] < 0) return undefined;
  const what = spec.shape.length === 0 ? 'is a single value' : `has a first dimension of ${spec.shape[0]}`;
  const remedy = signature.inputs.includes(spec)
    ? `; if every request means the same value, name it in 'constants'`
    : '';
  return `'${spec.name}' ${what}${remedy}`;
}

/** `batch`: the name that the batch must have in the states too; undefined: the manifest vouches for it. */
function doubtOfStates(signature: ModelSignature, manifest: Manifest, batch: string | undefined): string | undefined {
  for (const pair of manifest.state) {
    const spec = signature.inputs.find((input) => input.name === pair.input);
    if (spec === undefined) continue;
    const axis = stateBatchAxis(spec, pair);
    if (axis < 0) return `state '${spec.name}' has no batch dimension`;
    if (axis >= spec.shape.length || spec.shape[axis] >= 0)
      return `batch_axis ${axis} of state '${spec.name}' is not variable`;
    const symbol = spec.symbols[axis];
    if (batch !== undefined && pair.batch_axis === undefined && symbol !== batch) {
      return `the variable dimension of state '${spec.name}' is called '${symbol}', not '${batch}': give its batch_axis`;
    }
  }
  return undefined;
}
