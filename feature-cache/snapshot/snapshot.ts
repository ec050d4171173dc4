import { open, rename, rm } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { TidegateError } from '../../contract/error.js';
import type { TableShape } from '../../contract/feature-row.js';
import { RowReader } from '../store/row-reader.js';
import { recordWords, writeRecord } from '../store/row-record.js';
import { attachTable, type TableHandle } from '../store/table-memory.js';
import { type TableOptions, TableWriter } from '../store/table-writer.js';
import {
  jsonPayload,
  SECTION_BYTES,
  SECTION_CATEGORIES,
  SECTION_END,
  SECTION_ROWS,
  SECTION_TABLE,
  type Section,
  SectionReader,
  writeSection,
} from './section.js';

const FORMAT = 1;

/** How far each stream had been applied before the snapshot began: from there on, it is to be read again. */
export type StreamPositions = Readonly<Record<string, number>>;

const positions = z.record(z.string(), z.number().int().nonnegative());
const tableSection = z.object({
  format: z.literal(FORMAT),
  view: z.string(),
  /** Rows mean nothing but with these, in this order. */
  fields: z.array(z.object({ name: z.string(), type: z.string(), length: z.number().optional() })),
  rows: z.number().int().nonnegative(),
  positions,
  written_at_us: z.number(),
});
const endSection = z.object({ sections: z.number(), rows: z.number() });
const categoriesSection = z.array(z.string());

export interface WrittenSnapshot {
  readonly rows: number;
  readonly bytes: number;
}

/** `positions` have to be taken before the call, and so be no later than what the rows hold: whatever is applied twice stays the same. */
export async function writeSnapshot(
  handle: TableHandle,
  path: string,
  stream_positions: StreamPositions,
  written_at_us: number,
): Promise<WrittenSnapshot> {
  const reader = new RowReader(attachTable(handle));
  const partial = `${path}.partial`;
  const file = await open(partial, 'w');
  try {
    const row_count = reader.rowCount;
    const table = {
      format: FORMAT,
      view: handle.shape.name,
      fields: fieldsOf(handle.shape),
      rows: row_count,
      positions: stream_positions,
      written_at_us,
    };
    await writeSection(file, SECTION_TABLE, jsonPayload(table));
    const portions = portionsOf(reader, row_count);
    let rows = 0;
    let sections = 1;
    for (const portion of portions) {
      await writeSection(file, SECTION_ROWS, Buffer.from(portion.words.buffer, 0, portion.words.byteLength));
      rows += portion.rows;
      sections++;
      // Whoever else this thread serves comes first.
      await setImmediate();
    }
    // After all rows, so that every category of theirs is there.
    const categories = Array.from({ length: reader.categoryCount }, (_, code) => reader.category(code));
    await writeSection(file, SECTION_CATEGORIES, jsonPayload(categories));
    await writeSection(file, SECTION_END, jsonPayload({ sections: sections + 1, rows }));
    await file.sync();
    const { size } = await file.stat();
    await file.close();
    await rename(partial, path);
    return { rows, bytes: size };
  } catch (failure) {
    await file.close();
    await rm(partial, { force: true });
    throw failure;
  }
}

function fieldsOf(shape: TableShape): { name: string; type: string; length?: number | undefined }[] {
  return shape.fields.map(({ name, type, length }) => ({ name, type, ...(length !== undefined && { length }) }));
}

interface Portion {
  readonly words: Int32Array;
  readonly rows: number;
}

/** Rows as records, each of one moment, while they go on changing. Rows that come later are in the stream. */
function* portionsOf(reader: RowReader, row_count: number): Generator<Portion> {
  const { layout } = reader.memory;
  const texts = layout.fields.filter(({ type }) => type === 'string').map(({ word }) => word);
  let words = new Int32Array(SECTION_BYTES / 4);
  let at = 0;
  let rows = 0;
  for (let row = 0; row < row_count; ) {
    if (!reader.findRow(row)) {
      row++;
      continue;
    }
    const needed = recordWords(reader, layout, texts);
    if (!reader.unchanged()) continue;
    if (at + needed > words.length) {
      if (at > 0) yield { words: words.subarray(0, at), rows };
      if (needed > words.length) words = new Int32Array(needed);
      at = 0;
      rows = 0;
      continue;
    }
    const end = writeRecord(reader, layout, texts, words, at);
    if (!reader.unchanged()) continue;
    at = end;
    rows++;
    row++;
  }
  if (at > 0) yield { words: words.subarray(0, at), rows };
}

export interface LoadedSnapshot {
  readonly writer: TableWriter;
  readonly positions: StreamPositions;
  readonly written_at_us: number;
  /** Entities of the file. The table has fewer if its budget is smaller than that of the table that was written. */
  readonly rows: number;
}

/**
 * A new table of what a file holds: all of it or nothing. Throws CorruptSnapshot where the file cannot be believed; a
 * snapshot of another version of the view is INVALID_CONFIG. Both are rebuilt from the stream.
 */
export async function loadSnapshot(path: string, shape: TableShape, options: TableOptions): Promise<LoadedSnapshot> {
  const file = await open(path, 'r');
  try {
    const sections = new SectionReader(file, path);
    const first = await sections.read();
    if (first.kind !== SECTION_TABLE) throw sections.corrupt(0, `is of kind ${first.kind}, where the table is told of`);
    const table = parsed(sections, first, tableSection);
    if (JSON.stringify(table.fields) !== JSON.stringify(fieldsOf(shape))) {
      throw new TidegateError(
        'INVALID_CONFIG',
        `snapshot ${path} is of other fields than "${shape.name}" has now: rebuild the table from its stream`,
      );
    }
    const writer = new TableWriter(shape, {
      ...options,
      expected_entities: Math.max(options.expected_entities ?? 0, table.rows),
    });
    const rows = await loadSections(sections, writer);
    return { writer, positions: table.positions, written_at_us: table.written_at_us, rows };
  } finally {
    await file.close();
  }
}

async function loadSections(sections: SectionReader, writer: TableWriter): Promise<number> {
  for (;;) {
    const section = await sections.read();
    if (section.kind === SECTION_END) {
      const { sections: count, rows } = parsed(sections, section, endSection);
      if (count !== section.number) throw sections.corrupt(section.number, `is the end of ${count} sections`);
      await sections.expectEnd(section.number);
      return rows;
    }
    if (section.kind === SECTION_CATEGORIES) writer.restoreCategories(parsed(sections, section, categoriesSection));
    else if (section.kind === SECTION_ROWS) restoreRows(sections, section, writer);
    else throw sections.corrupt(section.number, `is of kind ${section.kind}, which there is not`);
  }
}

function restoreRows(sections: SectionReader, { payload, number }: Section, writer: TableWriter): void {
  try {
    writer.restoreRows(new Int32Array(payload.buffer, payload.byteOffset, payload.length / 4));
  } catch (failure) {
    // A budget that is too small for the file is no damage of the file.
    if (failure instanceof TidegateError && failure.code === 'MEMORY_EXHAUSTED') throw failure;
    throw sections.corrupt(
      number,
      `holds what no table can: ${failure instanceof Error ? failure.message : String(failure)}`,
    );
  }
}

function parsed<T>(sections: SectionReader, { payload, number }: Section, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(payload.toString('utf8')));
  } catch (failure) {
    throw sections.corrupt(
      number,
      `does not say what it should: ${failure instanceof Error ? failure.message : String(failure)}`,
    );
  }
}
