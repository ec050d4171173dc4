import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { CommandError, EXIT } from './exit.js';

/** Files of rows, by their ending. */
export const ROW_TYPES: Readonly<Record<string, string>> = {
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/x-ndjson',
  '.csv': 'text/csv',
  '.parquet': 'application/vnd.apache.parquet',
};

/** The file as it lies on disk, to be read while it is sent, and what its ending says it is. */
export async function sentFile(
  file: string,
  types: Readonly<Record<string, string>>,
): Promise<{ readonly body: Blob; readonly type: string }> {
  const type = types[extname(file).toLowerCase()];
  if (type === undefined) {
    throw new CommandError(EXIT.USAGE, `'${file}' ends with none of ${Object.keys(types).join(', ')}`);
  }
  try {
    await stat(file);
    return { body: await openAsBlob(file, { type }), type };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(EXIT.USAGE, `'${file}' cannot be read: ${reason}`);
  }
}
