import type { Datatype } from '../../contract/datatype.js';
import type { LogPolicy } from '../../contract/log-policy.js';
import type { Task } from '../../contract/prediction-record.js';
import type { TensorSpec } from '../../contract/signature.js';
import { isFloat } from './element-reader.js';
import { elementsOf, invalid, unknown } from './feature-plan.js';

/** Outputs with more values a row are left out of the log: a mask or an embedding of thousands of values is no outcome. */
export const MOST_OUTPUT_VALUES = 1024;

export interface PlannedLogOutput {
  readonly name: string;
  readonly datatype: Datatype;
  /** Elements of a row; -1 where that varies. */
  readonly elements: number;
  /** Whether the log keeps it, in `output` or `output_text`, and from which place of a row on. */
  readonly kept: boolean;
  readonly place: number;
}

/** How the score of a row follows from its outputs. `output` and `element` say where. */
export type ScoreRule =
  | { readonly kind: 'none' }
  | { readonly kind: 'element'; readonly output: number; readonly element: number }
  /** The greatest of a row: the probability of the class that was chosen. */
  | { readonly kind: 'greatest'; readonly output: number };

export type ClassRule =
  | { readonly kind: 'none' }
  /** The class of the greatest element. */
  | { readonly kind: 'greatest'; readonly output: number }
  /** One probability, of the second of two classes. */
  | { readonly kind: 'half'; readonly output: number }
  /** A whole number that counts classes. */
  | { readonly kind: 'index'; readonly output: number }
  /** Text, or a whole number as text. */
  | { readonly kind: 'text'; readonly output: number };

export interface OutcomePlan {
  readonly outputs: readonly PlannedLogOutput[];
  readonly output_names: readonly string[];
  readonly text_names: readonly string[];
  readonly output_double: boolean;
  readonly classes: readonly string[];
  readonly score: ScoreRule;
  readonly class: ClassRule;
  readonly scored: 'probability' | 'value' | 'none';
  readonly task: Task;
  /** The class whose probability the score is; '' where it has no name, or is of no one class. */
  readonly positive_class: string;
}

type Labels = Readonly<Record<string, readonly string[]>>;

const CLASS_NAME = /(^|[_.:/-])(label|class|category)(e?s|_?id|_?name)?($|[_.:/-])/i;
const PROBABILITY_NAME = /prob/i;
/** A probability above this means the second class. */
export const HALF = 0.5;

/** `specs`: the outputs that callers get, in order. Throws INVALID_CONFIG for outputs and classes that the model does not have. */
export function planOutcome(
  specs: readonly TensorSpec[],
  batched: boolean,
  policy: LogPolicy,
  labels: Labels,
): OutcomePlan {
  const outputs = planOutputs(specs, batched);
  const kept = outputs.filter((output) => output.kept);
  const names = (texts: boolean) =>
    kept.filter(({ datatype }) => (datatype === 'BYTES') === texts).flatMap(elementNames);
  const labelled = outputs.findIndex((output) => isLabelled(output, labels));
  const classRule = decideClass(outputs, labelled, policy, labels);
  const source = classRule.kind === 'none' || classRule.kind === 'text' ? labelled : classRule.output;
  const classes = source < 0 || !hasLabels(outputs[source], labels) ? [] : labels[outputs[source].name];
  checkPositive(policy, classes);
  const score = decideScore(outputs, labelled, policy, labels);
  const scored = scoredAs(score, outputs, labels);
  const task = taskOf(score, scored, classRule);
  return {
    outputs,
    output_names: names(false),
    text_names: names(true),
    output_double: kept.some(({ datatype }) => ['FP64', 'INT32', 'UINT32', 'INT64', 'UINT64'].includes(datatype)),
    classes,
    score,
    class: classRule,
    scored,
    task,
    positive_class: task === 'binary' ? positiveClass(score, outputs, labels) : '',
  };
}

function taskOf(score: ScoreRule, scored: OutcomePlan['scored'], { kind }: ClassRule): Task {
  if (scored === 'probability' && score.kind === 'element') return 'binary';
  if (kind !== 'none') return 'multiclass';
  return scored === 'value' ? 'regression' : 'none';
}

function positiveClass(score: ScoreRule, outputs: readonly PlannedLogOutput[], labels: Labels): string {
  if (score.kind !== 'element') return '';
  const output = outputs[score.output];
  if (!hasLabels(output, labels)) return '';
  // One probability is that of the second of two classes.
  return labels[output.name][output.elements === 1 ? 1 : score.element] ?? '';
}

function planOutputs(specs: readonly TensorSpec[], batched: boolean): PlannedLogOutput[] {
  const places = { numbers: 0, texts: 0 };
  return specs.map((spec) => {
    const { name, datatype } = spec;
    const elements = elementsOf(spec, batched);
    const of = datatype === 'BYTES' ? 'texts' : 'numbers';
    const kept = elements >= 0 && places[of] + elements <= MOST_OUTPUT_VALUES;
    const place = places[of];
    if (kept) places[of] += elements;
    return { name, datatype, elements, kept, place };
  });
}

function elementNames({ name, elements }: PlannedLogOutput): string[] {
  return elements === 1 ? [name] : Array.from({ length: elements }, (_, index) => `${name}[${index}]`);
}

function hasLabels({ name }: PlannedLogOutput, labels: Labels): boolean {
  return Object.hasOwn(labels, name) && labels[name].length > 0;
}

/** Labels, and one number for each of them; or two, and the probability of the second. */
function isLabelled(output: PlannedLogOutput, labels: Labels): boolean {
  if (!hasLabels(output, labels) || !output.kept || !isFloat(output.datatype)) return false;
  const count = labels[output.name].length;
  return output.elements === count || (output.elements === 1 && count === 2);
}

function isWhole({ datatype }: PlannedLogOutput): boolean {
  return datatype !== 'BYTES' && !isFloat(datatype);
}

function decideClass(
  outputs: readonly PlannedLogOutput[],
  labelled: number,
  policy: LogPolicy,
  labels: Labels,
): ClassRule {
  if (policy.class !== undefined) {
    const output = indexOf(outputs, policy.class.output, 'class');
    const rule = classRuleOf(outputs, output, labels);
    if (rule === undefined) {
      throw invalid(
        `class: output '${policy.class.output}' tells no class: it needs one element a row that is BYTES or a whole number, or labels for each of its elements`,
      );
    }
    return rule;
  }
  if (labelled >= 0) return classRuleOf(outputs, labelled, labels) ?? { kind: 'none' };
  const named = outputs.findIndex(
    (output) =>
      output.kept &&
      output.elements === 1 &&
      !isFloat(output.datatype) &&
      (CLASS_NAME.test(output.name) || hasLabels(output, labels)),
  );
  return (named < 0 ? undefined : classRuleOf(outputs, named, labels)) ?? { kind: 'none' };
}

function classRuleOf(outputs: readonly PlannedLogOutput[], output: number, labels: Labels): ClassRule | undefined {
  const planned = outputs[output];
  if (isLabelled(planned, labels)) return { kind: planned.elements === 1 ? 'half' : 'greatest', output };
  if (!planned.kept || planned.elements !== 1 || isFloat(planned.datatype)) return undefined;
  return isWhole(planned) && hasLabels(planned, labels) ? { kind: 'index', output } : { kind: 'text', output };
}

function decideScore(
  outputs: readonly PlannedLogOutput[],
  labelled: number,
  policy: LogPolicy,
  labels: Labels,
): ScoreRule {
  if (policy.score !== undefined) {
    const { output: name, index: element } = policy.score;
    const output = indexOf(outputs, name, 'score');
    const { elements, datatype, kept } = outputs[output];
    if (!kept || datatype === 'BYTES' || element >= elements) {
      const has = elements < 0 ? 'a varying number of' : elements;
      throw invalid(
        `score: output '${name}' has ${has} elements of ${datatype} a row, none of them is number ${element} of the log`,
      );
    }
    return { kind: 'element', output, element };
  }
  if (labelled >= 0) return labelledScore(outputs[labelled], labelled, policy, labels[outputs[labelled].name]);
  const floats = outputs.filter(({ datatype, kept }) => isFloat(datatype) && kept);
  const [only] = floats;
  if (floats.length !== 1 || only === undefined) return { kind: 'none' };
  const output = outputs.indexOf(only);
  if (only.elements === 1) return { kind: 'element', output, element: 0 };
  // What a classifier answers beside its label: probabilities, though nobody said whose.
  if (!PROBABILITY_NAME.test(only.name) || only.elements === 0) return { kind: 'none' };
  return only.elements === 2 ? { kind: 'element', output, element: 1 } : { kind: 'greatest', output };
}

function labelledScore(
  planned: PlannedLogOutput,
  output: number,
  policy: LogPolicy,
  classes: readonly string[],
): ScoreRule {
  if (planned.elements === 1) {
    if (policy.positive_class === undefined || policy.positive_class === classes[1])
      return { kind: 'element', output, element: 0 };
    throw invalid(`positive_class: '${planned.name}' is the probability of '${classes[1]}', the second of its labels`);
  }
  if (policy.positive_class !== undefined)
    return { kind: 'element', output, element: classes.indexOf(policy.positive_class) };
  return classes.length === 2 ? { kind: 'element', output, element: 1 } : { kind: 'greatest', output };
}

function scoredAs(score: ScoreRule, outputs: readonly PlannedLogOutput[], labels: Labels): OutcomePlan['scored'] {
  if (score.kind === 'none') return 'none';
  const output = outputs[score.output];
  const isProbability = output.elements > 1 || hasLabels(output, labels) || PROBABILITY_NAME.test(output.name);
  return isProbability && isFloat(output.datatype) ? 'probability' : 'value';
}

function checkPositive(policy: LogPolicy, classes: readonly string[]): void {
  const { positive_class } = policy;
  if (positive_class === undefined || classes.includes(positive_class)) return;
  if (classes.length > 0) throw unknown('positive_class', 'class', positive_class, classes);
  throw invalid(`positive_class: the classes of the model are not known: give them in 'labels'`);
}

function indexOf(outputs: readonly PlannedLogOutput[], name: string, key: string): number {
  const index = outputs.findIndex((output) => output.name === name);
  if (index >= 0) return index;
  throw unknown(
    key,
    'output',
    name,
    outputs.map((output) => output.name),
  );
}
