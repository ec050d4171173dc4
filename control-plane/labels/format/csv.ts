import type { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';
import { type GivenRow, knownCells } from '../given-row.js';
import { LABEL_MEMBERS } from '../label.js';

const RecordSchema = z.object({
  record: z.record(z.string(), z.unknown()),
  info: z.object({ records: z.number(), invalid_field_length: z.number() }),
});
const WHOLE = ['row', 'version'];
const MOST_RECORD_BYTES = 64 * 1024;

/** A header and rows (RFC 4180). Columns that labels do not have are left out. Throws INVALID_REQUEST for a file without a column of labels. */
export async function* csvRows(body: Readable): AsyncGenerator<GivenRow> {
  let broken: GivenRow[] = [];
  const parser = parse({
    columns: (header: string[]) => checkedHeader(header.map((each) => each.trim())),
    bom: true,
    trim: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: MOST_RECORD_BYTES,
    skip_records_with_error: true,
    on_skip: (error) => {
      const { records, invalid_field_length } = parser.info;
      const problem = error?.message ?? 'the row cannot be read';
      broken.push({ row: records + invalid_field_length + 1, problem });
    },
  });
  body.once('error', (error) => parser.destroy(error));
  body.pipe(parser);
  for await (const each of parser) {
    const { record, info } = RecordSchema.parse(each);
    yield { row: info.records + info.invalid_field_length, value: typedCells(knownCells(record, LABEL_MEMBERS)) };
    // The parser is some rows ahead.
    yield* broken;
    broken = [];
  }
  yield* broken;
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
