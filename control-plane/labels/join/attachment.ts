import type { ReadLayout } from '../../log/layouts.js';
import { judge, type LabelValue } from '../judgement.js';

/** One logged row, as far as a label can judge it. */
export interface LoggedRow {
  readonly node: string;
  readonly epoch: number;
  readonly seq: number;
  readonly row_idx: number;
  readonly ts_us: number;
  readonly model: string;
  readonly version: number;
  readonly variant: string;
  readonly segment: Readonly<Record<string, string>>;
  /** NaN: none. */
  readonly score: number;
  readonly class: string;
  /** Share of requests that was logged. */
  readonly share: number;
}

/** The label that counts of those that came for one key. */
export interface WinningLabel extends LabelValue {
  readonly key: string;
  readonly model: string;
  readonly request_id: string;
  readonly row: number;
  readonly entity_key: string;
  readonly ts_us: number;
}

/** `joined`: it counts; `late`: it came after the window; `unusable`: it means nothing to the version that answered. */
export type LabelOutcome = 'joined' | 'late' | 'unusable';

/** A label at a row. */
export interface Attachment {
  readonly key: string;
  readonly row: LoggedRow;
  readonly outcome: LabelOutcome;
  readonly task: ReadLayout['task'];
  readonly text: string;
  readonly number: number;
  readonly positive: number;
}

export interface SignedAttachment extends Attachment {
  readonly sign: 1 | -1;
}

export function rowKey({ node, epoch, seq, row_idx }: LoggedRow): string {
  return `${epoch}:${seq}:${row_idx}:${node}`;
}

/** A label at a row of a version whose layout is known, or is not. */
export function attach(
  label: WinningLabel,
  row: LoggedRow,
  layout: ReadLayout | undefined,
  window_us: number,
): Attachment {
  const judgement = layout === undefined ? 'unknown' : judge(label, layout, row.class);
  if (typeof judgement === 'string') {
    const { key, text, number } = label;
    return { key, row, outcome: 'unusable', task: layout?.task ?? 'none', text, number, positive: -1 };
  }
  const outcome = label.ts_us - row.ts_us > window_us ? 'late' : 'joined';
  return { key: label.key, row, outcome, ...judgement };
}

/**
 * Rows that a label is of: all that answered its request, or the latest before its time for each variant. Rows that it was at before count as found: they may have left
 * the log since, and a label does not lose its prediction for that.
 */
export function targets(label: WinningLabel, found: readonly LoggedRow[], before: readonly LoggedRow[]): LoggedRow[] {
  const rows = [...new Map([...before, ...found].map((row) => [rowKey(row), row])).values()];
  if (label.entity_key === '') return rows;
  const latest = new Map<string, LoggedRow>();
  for (const row of rows) {
    const best = latest.get(row.variant);
    if (best === undefined || isLater(row, best)) latest.set(row.variant, row);
  }
  return [...latest.values()];
}

/** Rows of one microsecond are told apart by their keys: whoever looks must find the same one. */
function isLater(row: LoggedRow, than: LoggedRow): boolean {
  return row.ts_us === than.ts_us ? rowKey(row) > rowKey(than) : row.ts_us > than.ts_us;
}

/** What has to be taken back, and what is new. Nothing, where all is as it should be. */
export function difference(wanted: readonly Attachment[], there: readonly Attachment[]): SignedAttachment[] {
  const before = new Map(there.map((each) => [identity(each), each]));
  const after = new Map(wanted.map((each) => [identity(each), each]));
  const gone = [...before].filter(([id]) => !after.has(id)).map(([, each]) => ({ ...each, sign: -1 as const }));
  const fresh = [...after].filter(([id]) => !before.has(id)).map(([, each]) => ({ ...each, sign: 1 as const }));
  return [...gone, ...fresh];
}

function identity({ key, row, outcome, task, text, number, positive }: Attachment): string {
  return `${key} ${rowKey(row)} ${outcome} ${task} ${positive} ${number} ${text}`;
}
