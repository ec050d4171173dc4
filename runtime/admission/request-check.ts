import { TidegateError } from '../../contract/error.js';
import type { InferRequest, RequestTensor } from '../../contract/inference.js';
import type { PlannedInput, RequestPlan } from '../batch/request-plan.js';

/** What the check found out, in the order of the plan's inputs. */
export interface CheckedRequest {
  readonly tensors: readonly RequestTensor[];
  /** Rows for the batch; 1 where the model is not batched. */
  readonly rows: number;
  /** Stands for the variable dimensions: requests with the same key may share a batch. '' where there are none. */
  readonly shapeKey: string;
}

/**
 * Compares a request with what its model takes. Pure. The texts are Triton's where clients look for them; each says what was
 * wrong, with what value, and what the model takes.
 */
export function checkRequest(request: InferRequest, plan: RequestPlan): CheckedRequest {
  const { model } = request;
  if (request.inputs.length !== plan.inputs.length) throw countMismatch(request, plan);
  const first = request.inputs[0];
  if (plan.inputs.length === 1 && first.name === plan.inputs[0].name) {
    const rows = checkTensor(model, first, plan.inputs[0], plan);
    checkOutputs(request, plan);
    return { tensors: request.inputs, rows, shapeKey: plan.variable ? shapeKey(request.inputs, plan) : '' };
  }
  const tensors = inPlanOrder(request, plan);
  let rows = 1;
  tensors.forEach((tensor, index) => {
    const own = checkTensor(model, tensor, plan.inputs[index], plan);
    if (index > 0 && own !== rows) {
      throw new TidegateError(
        'INVALID_SHAPE',
        `input '${tensor.name}' batch size does not match other inputs for '${model}': it has ${own} rows, '${tensors[0].name}' has ${rows}`,
      );
    }
    rows = own;
  });
  checkOutputs(request, plan);
  return { tensors, rows, shapeKey: plan.variable ? shapeKey(tensors, plan) : '' };
}

function inPlanOrder(request: InferRequest, plan: RequestPlan): RequestTensor[] {
  const tensors = new Array<RequestTensor>(plan.inputs.length);
  for (const tensor of request.inputs) {
    const index = plan.index.get(tensor.name);
    if (index === undefined) {
      const known = plan.inputs.map((input) => `'${input.name}'`).join(', ');
      throw new TidegateError(
        'INVALID_TENSOR_NAME',
        `unexpected inference input '${tensor.name}' for model '${request.model}', which takes ${known}`,
      );
    }
    if (tensors[index] !== undefined)
      throw new TidegateError('INVALID_TENSOR_NAME', `input '${tensor.name}' already exists in request`);
    tensors[index] = tensor;
  }
  return tensors;
}

/** Returns the tensor's rows. */
function checkTensor(model: string, tensor: RequestTensor, input: PlannedInput, plan: RequestPlan): number {
  if (tensor.name !== input.name) {
    throw new TidegateError(
      'INVALID_TENSOR_NAME',
      `unexpected inference input '${tensor.name}' for model '${model}', which takes '${input.name}'`,
    );
  }
  if (tensor.datatype !== input.datatype) {
    throw new TidegateError(
      'INVALID_DATATYPE',
      `inference input '${tensor.name}' data-type is '${tensor.datatype}', but model '${model}' expects '${input.datatype}'`,
    );
  }
  const { shape } = tensor;
  const from = plan.max_batch > 0 ? 1 : 0;
  let fits = shape.length === input.shape.length;
  for (let axis = from; fits && axis < shape.length; axis++)
    fits = input.shape[axis] < 0 || input.shape[axis] === shape[axis];
  if (!fits) {
    throw new TidegateError(
      'INVALID_SHAPE',
      `unexpected shape for input '${tensor.name}' for model '${model}'. Expected [${input.shape.join(',')}], got [${clip(shape)}]`,
    );
  }
  if (from === 0) return 1;
  if (shape[0] > plan.max_batch) {
    throw new TidegateError(
      'INVALID_SHAPE',
      `inference request batch-size must be <= ${plan.max_batch} for '${model}', got ${shape[0]}: send fewer rows, or raise max_batch in the model's manifest`,
    );
  }
  return shape[0];
}

function checkOutputs(request: InferRequest, plan: RequestPlan): void {
  if (request.outputs === undefined) return;
  for (const output of request.outputs) {
    if (plan.outputNames.has(output.name)) continue;
    const known = plan.outputs.map((spec) => `'${spec.name}'`).join(', ');
    throw new TidegateError(
      'INVALID_TENSOR_NAME',
      `unexpected inference output '${output.name}' for model '${request.model}', which gives ${known}`,
    );
  }
}

function shapeKey(tensors: readonly RequestTensor[], plan: RequestPlan): string {
  const from = plan.max_batch > 0 ? 1 : 0;
  let key = '';
  for (const { shape } of tensors) {
    for (let axis = from; axis < shape.length; axis++) key += `${shape[axis]},`;
    key += ';';
  }
  return key;
}

function countMismatch(request: InferRequest, plan: RequestPlan): TidegateError {
  const got = new Set(request.inputs.map((input) => input.name));
  const missing = plan.inputs.filter((input) => !got.has(input.name)).map((input) => `'${input.name}'`);
  const unknown = [...got].filter((name) => !plan.index.has(name)).map((name) => `'${name}'`);
  const details = [
    missing.length > 0 ? `missing required input(s) [${clip(missing)}]` : '',
    unknown.length > 0 ? `not taking input(s) [${clip(unknown)}]` : '',
  ].filter((text) => text !== '');
  return new TidegateError(
    'INVALID_TENSOR_NAME',
    `expected ${plan.inputs.length} inputs but got ${request.inputs.length} inputs for model '${request.model}'. ${details.join(', ')}`,
  );
}

/** An answer must not repeat a request of a million names. */
function clip(items: readonly (string | number)[]): string {
  return items.length > 16 ? `${items.slice(0, 16).join(',')},… (${items.length})` : items.join(',');
}
