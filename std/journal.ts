import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const NEWLINE = 0x0a;
const PIECE_BYTES = 1024 * 1024;

/**
 * A file of JSON lines that only grows, for one process at a time. What was appended survives the process and the machine: `append` returns when
 * the disk has it. A line that a crash cut short was never acknowledged, and is cut off when the journal is opened again.
 */
export class Journal {
  readonly path: string;
  #file: number;
  #size_bytes: number;
  #isBroken = false;

  private constructor(path: string, file: number, size_bytes: number) {
    this.path = path;
    this.#file = file;
    this.#size_bytes = size_bytes;
  }

  /** Opens or makes it, and hands every whole line to `visit`, with the byte where it begins. Throws what `visit` and the file system throw. */
  static open(path: string, visit: (line: string, at_bytes: number) => void): Journal {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(path, 'a+', 0o600);
    try {
      let end_bytes = 0;
      for (const { line, at_bytes, end_bytes: end } of wholeLines(file)) {
        if (line !== '') visit(line, at_bytes);
        end_bytes = end;
      }
      if (fstatSync(file).size > end_bytes) ftruncateSync(file, end_bytes);
      fsyncSync(file);
      syncDirectory(path);
      return new Journal(path, file, end_bytes);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  get size_bytes(): number {
    return this.#size_bytes;
  }

  /** Throws what the file system throws; then nothing of the line is kept, and the next may be tried. */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    // Half a line, and the next behind it, would make both unreadable.
    if (this.#isBroken) ftruncateSync(this.#file, this.#size_bytes);
    this.#isBroken = true;
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written);
    fsyncSync(this.#file);
    this.#isBroken = false;
    this.#size_bytes += bytes.length;
  }

  /** Puts these lines in the place of all: either the old or the new are there after a crash. */
  replace(lines: readonly string[]): void {
    const draft = `${this.path}.new`;
    const file = openSync(draft, 'w', 0o600);
    try {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, this.path);
    syncDirectory(this.path);
    closeSync(this.#file);
    this.#file = openSync(this.path, 'a', 0o600);
    this.#size_bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    this.#isBroken = false;
  }

  close(): void {
    closeSync(this.#file);
  }
}

export interface JournalLine {
  readonly line: string;
  readonly at_bytes: number;
  /** Behind its line feed. */
  readonly end_bytes: number;
}

/** The lines of a journal that somebody else may be writing; what is behind the last line feed is none yet. Throws what the file system throws. */
export function* journalLines(path: string): Generator<JournalLine> {
  const file = openSync(path, 'r');
  try {
    yield* wholeLines(file);
  } finally {
    closeSync(file);
  }
}

/** Piece by piece, so that a file of any length takes the memory of its longest line. */
function* wholeLines(file: number): Generator<JournalLine> {
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  let held = Buffer.alloc(0);
  let held_at_bytes = 0;
  for (;;) {
    const read = readSync(file, piece, 0, piece.length, held_at_bytes + held.length);
    if (read === 0) return;
    const bytes = Buffer.concat([held, piece.subarray(0, read)]);
    let begin = 0;
    for (let end = bytes.indexOf(NEWLINE, held.length); end >= 0; end = bytes.indexOf(NEWLINE, begin)) {
      const line = bytes.toString('utf8', begin, end);
      yield { line, at_bytes: held_at_bytes + begin, end_bytes: held_at_bytes + end + 1 };
      begin = end + 1;
    }
    held = bytes.subarray(begin);
    held_at_bytes += begin;
  }
}

/** A new name is only there after a loss of power when its folder was written too. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
