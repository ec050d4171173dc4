import type { Readable } from 'node:stream';
import { type CsvError, parse } from 'csv-parse';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';
import { type GivenRow, knownCells } from '../given-row.js';
import { LABEL_MEMBERS } from '../label.js';

const CellsSchema = z.record(z.string(), z.unknown());
const WHOLE = ['row', 'version'];
const MOST_RECORD_BYTES = 64 * 1024;

/** A header and rows (RFC 4180). Columns that labels do not have are left out. Throws INVALID_REQUEST for a file without a column of labels. */
export async function* csvRows(body: Readable): AsyncGenerator<GivenRow> {
  const broken: GivenRow[] = [];
  const parser = parse({
    columns: (header: string[]) => checkedHeader(header.map((each) => each.trim())),
    bom: true,
    trim: true,
    skip_empty_lines: true,
    max_record_size: MOST_RECORD_BYTES,
    skip_records_with_error: true,
    on_skip: (error) => {
      // Rows that were read and those that were not are numbered together.
      broken.push({ row: rowOf(error), problem: error?.message ?? 'the row cannot be read' });
    },
  });
  body.once('error', (error) => parser.destroy(error));
  body.pipe(parser);
  let read = 0;
  for await (const record of parser) {
    while (broken.length > 0) {
      read++;
      yield* broken.splice(0, 1);
    }
    yield { row: ++read, value: typedCells(knownCells(CellsSchema.parse(record), LABEL_MEMBERS)) };
  }
  yield* broken;
}

function rowOf(error: CsvError | undefined): number {
  const records = error === undefined ? undefined : error['records'];
  const skipped = error === undefined ? undefined : error['invalid_field_length'];
  return (typeof records === 'number' ? records : 0) + (typeof skipped === 'number' ? skipped : 0) + 1;
}

function checkedHeader(header: readonly string[]): string[] {
  const isNamed = header.includes('label') && (header.includes('request_id') || header.includes('entity_key'));
  if (isNamed) return [...header];
  throw new TidegateError(
    'INVALID_REQUEST',
    `the first line names the columns ${header.join(', ').slice(0, 200)}: labels need 'label', and 'request_id' or 'entity_key'`,
  );
}

/** Numbers of a file of text; what is none is left for the schema to refuse. */
function typedCells(cells: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const typed = { ...cells };
  for (const name of WHOLE) {
    const text = typed[name];
    if (typeof text === 'string' && /^\d+$/.test(text)) typed[name] = Number(text);
  }
  return typed;
}
