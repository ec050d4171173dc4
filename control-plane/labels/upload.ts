import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { asTidegateError, TidegateError } from '../../contract/error.js';
import { csvRows } from './format/csv.js';
import { jsonRows } from './format/json.js';
import { ndjsonRows } from './format/ndjson.js';
import { parquetRows } from './format/parquet.js';
import type { GivenRow } from './given-row.js';
import { keepLabels, keptLabels } from './kept-labels.js';
import { type Label, type LabelDefaults, readLabel } from './label.js';
import { BATCH_LABELS, type LabelWriter } from './label-writer.js';

/** How each content type is read. */
export const LABEL_FORMATS: Readonly<Record<string, (body: Readable) => AsyncGenerator<GivenRow>>> = {
  'application/json': jsonRows,
  'application/x-ndjson': ndjsonRows,
  'text/csv': csvRows,
  'application/vnd.apache.parquet': parquetRows,
};

/** `skip`: broken rows are reported, the others are taken; `refuse`: one broken row, and none is taken. */
export type OnError = 'skip' | 'refuse';

/** Broken rows that are told one by one. The others are counted. */
const MOST_REPORTED = 100;

export interface RejectedRow {
  readonly row: number;
  readonly problem: string;
}

export interface UploadReport {
  readonly accepted: number;
  readonly rejected: number;
  /** The first ones of those that were rejected. */
  readonly rejected_rows: readonly RejectedRow[];
}

/** Counts what is wrong, and keeps the first of it. */
class Rejections {
  readonly #rows: RejectedRow[] = [];
  count = 0;

  /** In the order of the file. */
  get rows(): readonly RejectedRow[] {
    return [...this.#rows].sort((a, b) => a.row - b.row);
  }

  add(row: number, problem: string): void {
    this.count++;
    if (this.#rows.length < MOST_REPORTED) this.#rows.push({ row, problem });
  }
}

/** What makes a label usable or not, beyond its own form: throws what is wrong with it. */
export type LabelCheck = (label: Label) => Promise<void>;

export interface Upload {
  readonly rows: AsyncIterable<GivenRow>;
  readonly defaults: LabelDefaults;
  readonly on_error: OnError;
  readonly check: LabelCheck;
}

/** Takes labels as they come in; of a file of any size only one batch is held. */
export async function takeLabels(upload: Upload, writer: LabelWriter): Promise<UploadReport> {
  const rejections = new Rejections();
  const labels = goodLabels(upload, rejections);
  const accepted =
    upload.on_error === 'skip' ? await store(labels, writer) : await storeIfAllGood(labels, rejections, writer);
  if (accepted + rejections.count === 0) throw new TidegateError('INVALID_REQUEST', 'there is no label in the body');
  return { accepted, rejected: rejections.count, rejected_rows: rejections.rows };
}

async function* goodLabels({ rows, defaults, check }: Upload, rejections: Rejections): AsyncGenerator<Label> {
  for await (const given of rows) {
    if (given.problem !== undefined) {
      rejections.add(given.row, given.problem);
      continue;
    }
    try {
      const label = readLabel(given.value, defaults);
      await check(label);
      yield label;
    } catch (error) {
      const told = asTidegateError(error);
      if (told.status >= 500) throw error;
      rejections.add(given.row, told.message);
    }
  }
}

async function store(labels: AsyncIterable<Label>, writer: LabelWriter): Promise<number> {
  let stored = 0;
  let batch: Label[] = [];
  const send = async () => {
    await writer.write(batch);
    stored += batch.length;
    batch = [];
  };
  try {
    for await (const label of labels) {
      batch.push(label);
      if (batch.length === BATCH_LABELS) await send();
    }
    await send();
  } catch (error) {
    if (stored === 0) throw error;
    const { code, message } = asTidegateError(error);
    throw new TidegateError(code, `${message} (${stored} labels before were taken: they may be sent again)`, {
      cause: error,
    });
  }
  return stored;
}

/** What is good goes to a file until the last row is read: nothing is stored before it is known that all can be. */
async function storeIfAllGood(
  labels: AsyncIterable<Label>,
  rejections: Rejections,
  writer: LabelWriter,
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-labels-'));
  try {
    const path = join(directory, 'labels.ndjson');
    await keepLabels(labels, path);
    return rejections.count > 0 ? 0 : await store(keptLabels(path), writer);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
