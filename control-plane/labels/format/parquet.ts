import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { TidegateError } from '../../../contract/error.js';
import { ByteLimit } from '../../byte-limit.js';
import { type GivenRow, knownCells } from '../given-row.js';
import { LABEL_MEMBERS } from '../label.js';

const MOST_FILE_BYTES = 8 * 2 ** 30;

/** A Parquet file tells at its end how to read it: it goes to disk first, and is read row group by row group. Throws INVALID_REQUEST for what is none. */
export async function* parquetRows(body: Readable): AsyncGenerator<GivenRow> {
  const directory = await mkdtemp(join(tmpdir(), 'tidegate-labels-'));
  try {
    const path = join(directory, 'labels.parquet');
    await pipeline(body, new ByteLimit(MOST_FILE_BYTES), createWriteStream(path));
    const file = await asyncBufferFromFile(path);
    const metadata = await readable(() => parquetMetadataAsync(file));
    const columns = labelColumns(metadata);
    let start = 0;
    for (const { num_rows } of metadata.row_groups) {
      const end = start + Number(num_rows);
      const range = { file, metadata, compressors, columns, rowStart: start, rowEnd: end };
      const rows = await readable(() => parquetReadObjects(range));
      for (const [i, cells] of rows.entries()) {
        yield { row: start + i + 1, value: plainCells(knownCells(cells, LABEL_MEMBERS)) };
      }
      start = end;
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidegateError('INVALID_REQUEST', `the body is no Parquet file that can be read: ${reason}`, { cause });
  }
}

function labelColumns(metadata: FileMetaData): string[] {
  const has = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (has.includes('label') && (has.includes('request_id') || has.includes('entity_key'))) {
    return has.filter((name) => LABEL_MEMBERS.includes(name));
  }
  throw new TidegateError(
    'INVALID_REQUEST',
    `the file has the columns ${has.join(', ').slice(0, 200)}: labels need 'label', and 'request_id' or 'entity_key'`,
  );
}

/** Whole numbers of 64 bits come as bigint. Beyond what a double holds they are left as they are, and refused as no number. */
function plainCells(cells: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(cells).map(([name, value]) => {
      const isWhole = typeof value === 'bigint' && Number.isSafeInteger(Number(value));
      return [name, isWhole ? Number(value) : typeof value === 'bigint' ? String(value) : value];
    }),
  );
}
