import type { SignatureRecord, TensorRecord } from '../../contract/registry-record.js';

export interface SignatureChange {
  /** Requests that worked may fail, or be answered with something else. */
  readonly breaks: readonly string[];
  /** What is new, and hurts nobody. */
  readonly adds: readonly string[];
}

/** What another signature means for those who call a model now. */
export function signatureChange(before: SignatureRecord, after: SignatureRecord): SignatureChange {
  const breaks: string[] = [];
  const adds: string[] = [];
  for (const input of before.inputs) {
    const now = named(after.inputs, input.name);
    // Inputs that a request gives and the model does not have are refused.
    if (now === undefined) breaks.push(`input '${input.name}' is gone: requests that send it are refused`);
    else breaks.push(...narrowed('input', input, now));
  }
  for (const { name } of after.inputs) {
    if (named(before.inputs, name) === undefined)
      breaks.push(`input '${name}' is new: requests that do not send it are refused`);
  }
  for (const output of before.outputs) {
    const now = named(after.outputs, output.name);
    if (now === undefined) breaks.push(`output '${output.name}' is gone`);
    // A caller reads what comes: a shape that may now vary is as much of a change as another one.
    else breaks.push(...narrowed('output', now, output));
  }
  for (const { name } of after.outputs) {
    if (named(before.outputs, name) === undefined) adds.push(`output '${name}' is new`);
  }
  return { breaks, adds };
}

function named(tensors: readonly TensorRecord[], name: string): TensorRecord | undefined {
  return tensors.find((each) => each.name === name);
}

/** What `narrow` does not allow of what `wide` does. */
function narrowed(kind: 'input' | 'output', wide: TensorRecord, narrow: TensorRecord): string[] {
  const [before, after] = kind === 'input' ? [wide, narrow] : [narrow, wide];
  const what = `${kind} '${wide.name}'`;
  if (wide.datatype !== narrow.datatype) return [`${what} was ${before.datatype} and is ${after.datatype}`];
  const fits =
    wide.shape.length === narrow.shape.length &&
    wide.shape.every((size, axis) => narrow.shape[axis] < 0 || narrow.shape[axis] === size);
  return fits ? [] : [`${what} had the shape [${before.shape.join(', ')}] and has [${after.shape.join(', ')}]`];
}
