import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TidegateError } from '../../contract/error.js';
import type { TableShape } from '../../contract/feature-row.js';
import type { TableHandle } from '../store/table-memory.js';
import type { TableOptions } from '../store/table-writer.js';
import { CorruptSnapshot } from './section.js';
import {
  type LoadedSnapshot,
  loadSnapshot,
  type StreamPositions,
  type WrittenSnapshot,
  writeSnapshot,
} from './snapshot.js';

/** The one before is there in case the last cannot be read. */
const KEPT = 2;
const NAME = /^(.+)\.(\d+)\.snapshot$/;

export interface RestoredTable {
  /** Undefined: there was none that could be believed, and the table is to be filled from the beginning of its stream. */
  readonly loaded: LoadedSnapshot | undefined;
  /** Why newer ones were passed over, newest first: to be logged, and told by the node. */
  readonly refused: readonly TidegateError[];
}

/** The snapshots of a node's tables in one folder, which one process has for itself. */
export class SnapshotFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Writes one more, and then removes those that are too old. */
  async write(handle: TableHandle, positions: StreamPositions, now_us: number): Promise<WrittenSnapshot> {
    await mkdir(this.#path, { recursive: true });
    const { name } = handle.shape;
    const [last] = await this.#timesOf(name);
    // The clock may have been set back: names go on upwards, for the newest is found by its name.
    const time_us = Math.max(now_us, (last ?? 0) + 1);
    const written = await writeSnapshot(handle, this.#file(name, time_us), positions, now_us);
    for (const old of (await this.#timesOf(name)).slice(KEPT)) await rm(this.#file(name, old), { force: true });
    return written;
  }

  /**
   * A table of the newest snapshot that is whole. Damaged ones are put aside under another name, to be looked at; those of
   * other fields stay until newer ones have taken their places, for the view may be set back.
   */
  async restore(shape: TableShape, options: TableOptions): Promise<RestoredTable> {
    await this.#removePartial(shape.name);
    const refused: TidegateError[] = [];
    for (const time_us of await this.#timesOf(shape.name)) {
      const path = this.#file(shape.name, time_us);
      try {
        return { loaded: await loadSnapshot(path, shape, options), refused };
      } catch (failure) {
        if (!(failure instanceof TidegateError)) throw failure;
        refused.push(failure);
        if (failure instanceof CorruptSnapshot) await rename(path, `${path}.damaged`);
      }
    }
    return { loaded: undefined, refused };
  }

  /** Of a view that is no more. */
  async remove(name: string): Promise<void> {
    await this.#removePartial(name);
    for (const time_us of await this.#timesOf(name)) await rm(this.#file(name, time_us), { force: true });
  }

  /** Newest first. */
  async #timesOf(name: string): Promise<number[]> {
    const times: number[] = [];
    for (const file of await this.#files()) {
      const match = NAME.exec(file);
      if (match !== null && match[1] === encoded(name)) times.push(Number(match[2]));
    }
    return times.sort((a, b) => b - a);
  }

  /** What a process that was ended in the middle of writing has left. */
  async #removePartial(name: string): Promise<void> {
    for (const file of await this.#files()) {
      const whole = file.endsWith('.partial') ? NAME.exec(file.slice(0, -'.partial'.length)) : null;
      if (whole !== null && whole[1] === encoded(name)) await rm(join(this.#path, file), { force: true });
    }
  }

  async #files(): Promise<string[]> {
    try {
      return await readdir(this.#path);
    } catch (failure) {
      if (failure instanceof Error && 'code' in failure && failure.code === 'ENOENT') return [];
      throw failure;
    }
  }

  #file(name: string, time_us: number): string {
    return join(this.#path, `${encoded(name)}.${time_us}.snapshot`);
  }
}

/** As part of a file's name, whatever views are called. */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll('*', '%2A');
}
