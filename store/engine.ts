import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Session } from 'chdb';
import { refusal } from './failure.js';

export type EngineSession = Session;

export interface EngineOptions {
  readonly directory: string;
  /** Statements that run at a time: each holds a thread of libuv's pool. */
  readonly max_running: number;
  readonly max_waiting: number;
  /** What all statements together may use; 0: as the engine decides. */
  readonly memory_bytes: number;
}

/** Each acknowledged insert is on the disk: without these a loss of power could take it back. */
const CONFIG = `<clickhouse>
  <merge_tree><fsync_after_insert>1</fsync_after_insert><fsync_part_directory>1</fsync_part_directory></merge_tree>
  <timezone>UTC</timezone>
</clickhouse>
`;

/**
 * ClickHouse's engine on one folder, in this process. Sessions on the same folder run beside each other, so that no reader waits for a
 * writer; opening one costs a third of a millisecond, which is what makes a fresh one for each request affordable: nothing that one
 * request sets can reach another.
 */
export class Engine {
  readonly version: string;
  readonly #options: EngineOptions;
  /** Keeps the engine in memory while no request is there. */
  readonly #keeper: Session;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #bodies = 0;

  private constructor(options: EngineOptions, keeper: Session, version: string) {
    this.#options = options;
    this.#keeper = keeper;
    this.version = version;
  }

  static async open(options: EngineOptions): Promise<Engine> {
    const scratch = join(options.directory, 'scratch');
    mkdirSync(scratch, { recursive: true });
    // Bodies of requests that a killed process had not finished: nothing of them was acknowledged.
    for (const name of readdirSync(scratch)) rmSync(join(scratch, name));
    const config = join(options.directory, 'config.xml');
    writeFileSync(config, CONFIG);
    const keeper = new Session(join(options.directory, 'data'), { connectionArgs: [`--config-file=${config}`] });
    const version = (await keeper.queryAsync('SELECT version()', { format: 'TabSeparated' })).text().trim();
    return new Engine(options, keeper, version);
  }

  get running(): number {
    return this.#running;
  }

  session(): EngineSession {
    const session = new Session(join(this.#options.directory, 'data'));
    return session;
  }

  /** Settings that every session begins with. */
  get preset(): string {
    const { memory_bytes } = this.#options;
    return memory_bytes === 0 ? '' : `SET max_memory_usage_for_user = ${memory_bytes}`;
  }

  /** A name for a file that one request needs while it runs. */
  scratchFile(): string {
    this.#bodies++;
    return join(this.#options.directory, 'scratch', `${process.pid}-${this.#bodies}`);
  }

  /** Waits for a place among the running statements; first come, first served. */
  async enter(): Promise<void> {
    const { max_running, max_waiting } = this.#options;
    if (this.#running < max_running) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= max_waiting) {
      throw refusal(
        'TOO_MANY_SIMULTANEOUS_QUERIES',
        `Too many simultaneous queries: ${max_running} run and ${max_waiting} wait`,
      );
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }

  close(): void {
    this.#keeper.close();
  }
}
