import type { ReadLayout } from '../log/layouts.js';

/** What a label means for the outcome of one model. */
export interface Judgement {
  readonly task: ReadLayout['task'];
  /** As the model calls it, where it has such a class. */
  readonly text: string;
  readonly number: number;
  /** 1 or 0 with task `binary`, else -1. */
  readonly positive: number;
}

export interface LabelValue {
  readonly text: string;
  /** NaN where it is no number. */
  readonly number: number;
}

type Judged = Pick<ReadLayout, 'task' | 'classes' | 'positive_class'>;

/** A label as its model means it; a text tells why it means nothing there. `predicted`: the class that the model answered, '' where that is not known. */
export function judge(label: LabelValue, layout: Judged, predicted: string): Judgement | string {
  switch (layout.task) {
    case 'none':
      return 'the model answers no score and no class that a label could be compared with';
    case 'regression':
      if (Number.isNaN(label.number)) return `the label '${label.text}' is no number, and the model predicts one`;
      return { task: 'regression', text: label.text, number: label.number, positive: -1 };
    case 'multiclass':
      return {
        task: 'multiclass',
        text: className(label, layout.classes, predicted),
        number: label.number,
        positive: -1,
      };
    case 'binary':
      return binary(label, layout);
  }
}

function binary(label: LabelValue, { classes, positive_class }: Judged): Judgement | string {
  const text = className(label, classes, '');
  if (classes.includes(text)) {
    return { task: 'binary', text, number: label.number, positive: text === positive_class ? 1 : 0 };
  }
  const isTrue = label.number === 1 || /^true$/i.test(label.text);
  const isFalse = label.number === 0 || /^false$/i.test(label.text);
  if (isTrue || isFalse) return { task: 'binary', text: label.text, number: Number(isTrue), positive: Number(isTrue) };
  const known = classes.length > 0 ? `${classes.map((each) => `'${each}'`).join(', ')}, ` : '';
  return `the label '${label.text}' is none of ${known}true, false, 1, 0`;
}

/** 1 and '1.0' are the class '1'; a class that the model does not know keeps its text. */
function className({ text, number }: LabelValue, classes: readonly string[], predicted: string): string {
  if (classes.includes(text)) return text;
  return [...classes, predicted].find((each) => each !== '' && Number(each) === number) ?? text;
}
