import { appendFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LoggedPrediction } from '../logged-prediction.js';

export interface DeadLetter {
  readonly reason: string;
  readonly code: string;
  readonly node: string;
  readonly epoch: number;
  readonly seq: number;
  readonly row_idx: number;
  readonly row: Readonly<Record<string, unknown>>;
}

/** Rows that ClickHouse refuses or nobody can encode, one a line in a file for each day. Written at least once: a kill in between may repeat the last ones. */
export class DeadLetters {
  readonly #directory: string;
  readonly #most_bytes: number;
  #bytes: number | undefined;

  constructor(directory: string, most_bytes: number) {
    this.#directory = directory;
    this.#most_bytes = most_bytes;
  }

  /** Returns false where there is no room for it: it is gone then, and whoever calls counts it. */
  write(letter: DeadLetter, now = new Date()): boolean {
    const line = `${JSON.stringify({ at: now.toISOString(), ...letter }, finite)}\n`;
    const bytes = Buffer.byteLength(line);
    const used = this.#used();
    if (used + bytes > this.#most_bytes) return false;
    appendFileSync(join(this.#directory, `${now.toISOString().slice(0, 10)}.ndjson`), line);
    this.#bytes = used + bytes;
    return true;
  }

  #used(): number {
    if (this.#bytes !== undefined) return this.#bytes;
    mkdirSync(this.#directory, { recursive: true });
    return readdirSync(this.#directory)
      .filter((name) => name.endsWith('.ndjson'))
      .reduce((sum, name) => sum + statSync(join(this.#directory, name)).size, 0);
  }
}

/** JSON has no NaN and no infinities, and as null they would look alike. */
function finite(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** What can be read of a row. One that cannot be encoded may not be readable either. */
export function deadRow(found: LoggedPrediction, row: number): Record<string, unknown> {
  try {
    return rowOf(found, row);
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : String(error) };
  }
}

/** One row of a record, by the names of the columns. */
function rowOf(found: LoggedPrediction, row: number): Record<string, unknown> {
  const texts = (first: number, width: number) =>
    Array.from({ length: width }, (_, index) => found.text(first + row * width + index));
  const { layout, segments } = found.layout;
  const entity = found.entityKeyOf(row);
  const segment = found.segmentsOf(row);
  return {
    ts: new Date(found.ts_us / 1000).toISOString(),
    request_id: found.request_id,
    trace_id: found.trace_id,
    model: layout.model,
    version: layout.version,
    variant: found.variant,
    face: found.face,
    outcome: found.outcome,
    entity_key: entity < 0 ? '' : found.text(entity),
    segment: segment < 0 ? {} : Object.fromEntries(segments.map((name, index) => [name, found.text(segment + index)])),
    num: found.num(row),
    cat: texts(found.first_cat, found.cat_width),
    output: found.output(row),
    output_text: texts(found.first_output_text, found.text_width),
    score: found.score(row),
    class: found.class(row),
    share: found.share,
  };
}
