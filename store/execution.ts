import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { bodyToFile, decompressor, headOf, LARGEST_STATEMENT_BYTES, MOST_STATEMENT_BYTES, tailToFile } from './body.js';
import type { Engine, EngineSession } from './engine.js';
import { refusal } from './failure.js';
import { isPiecewise } from './format.js';
import type { QueryRequest } from './query-request.js';
import { formatClause, hasAnswer, type InsertStatement, insertStatement, isQuery, namesFile } from './statement.js';

export interface Answer {
  /** '' where the statement has no rows to give. */
  readonly format: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly rows_read: number;
  readonly bytes_read: number;
}

const SettingSchema = z.object({ name: z.string(), value: z.string(), changed: z.number() });

const DEFAULT_FORMAT = 'TabSeparated';

/** Runs one request in a session that is its own, and gives its answer piece by piece. */
export class Execution {
  readonly #engine: Engine;
  readonly #session: EngineSession;
  readonly #request: QueryRequest;
  readonly #files: string[] = [];
  #before: readonly string[] = [];

  constructor(engine: Engine, session: EngineSession, request: QueryRequest) {
    this.#engine = engine;
    this.#session = session;
    this.#request = request;
  }

  /** `body` is read to its end, unless it is refused before. */
  async run(body: Readable): Promise<Answer> {
    await this.#set();
    const { query, body_compression } = this.#request;
    const inAddress = insertStatement(query);
    if (inAddress !== undefined && inAddress.data_start >= query.length) {
      this.#allow(inAddress.target, false);
      const path = this.#file();
      await bodyToFile(body, path);
      return this.#insert(inAddress, path, body_compression);
    }
    const { path, length } = await this.#plainBody(body, body_compression);
    const most = this.#mostBytes();
    const begin = await headOf(path, Math.min(length, most));
    const head = Buffer.concat([Buffer.from(query === '' ? '' : `${query}\n`), begin]);
    const ofQuery = head.length - begin.length;
    const statement = insertStatement(head.toString('latin1'));
    if (statement === undefined) {
      if (length > most) {
        throw refusal(
          'SYNTAX_ERROR',
          `a statement may have ${most} bytes, this one has ${length}: max_query_size allows for more`,
        );
      }
      return this.#answer(head.toString('utf8'));
    }
    this.#allow(statement.target, false);
    return this.#insertInline(ofQuery, statement, path);
  }

  #mostBytes(): number {
    const asked = Number(this.#request.settings.get('max_query_size') ?? 0);
    return Math.max(MOST_STATEMENT_BYTES, Math.min(asked, LARGEST_STATEMENT_BYTES)) || MOST_STATEMENT_BYTES;
  }

  /** The engine undoes what Node.js cannot (lz4, zstd), which takes its memory for the whole of it. */
  async #plainBody(body: Readable, compression: string): Promise<{ readonly path: string; readonly length: number }> {
    const path = this.#file();
    const through = decompressor(compression);
    if (through !== undefined) return { path, length: await bodyToFile(body, path, through) };
    const packed = this.#file();
    await bodyToFile(body, packed);
    const source = `file(${literal(packed)}, RawBLOB, 'body String', ${literal(compression)})`;
    await this.#session.queryAsync(`SELECT body FROM ${source} INTO OUTFILE ${literal(path)} FORMAT RawBLOB`);
    return { path, length: (await stat(path)).size };
  }

  /** Gives a session that others will use back as it was: what came in the address held for this request alone. */
  async restore(): Promise<void> {
    if (this.#before.length > 0) await this.#session.queryAsync(`SET ${this.#before.join(', ')}`);
  }

  async end(): Promise<void> {
    for (const path of this.#files) await rm(path, { force: true });
  }

  #file(): string {
    const path = this.#engine.scratchFile();
    this.#files.push(path);
    return path;
  }

  async #set(): Promise<void> {
    const { database, settings } = this.#request;
    const { preset } = this.#engine;
    if (preset !== '') await this.#session.queryAsync(preset);
    if (database !== '') await this.#session.queryAsync(`USE \`${database.replaceAll('`', '')}\``);
    if (settings.size === 0) return;
    const list = [...settings].map(([name, value]) => {
      if (!/^\w+$/.test(name)) throw refusal('SYNTAX_ERROR', `'${name}' is no name of a setting`);
      return `${name} = ${literal(value)}`;
    });
    if (this.#request.session !== undefined) this.#before = await this.#settingsNow([...settings.keys()]);
    await this.#session.queryAsync(`SET ${list.join(', ')}`);
  }

  async #settingsNow(names: readonly string[]): Promise<string[]> {
    const wanted = names.map(literal).join(', ');
    const query = `SELECT name, value, changed FROM system.settings WHERE name IN (${wanted})`;
    const text = (await this.#session.queryAsync(query, { format: 'JSONEachRow' })).text();
    const rows = text.split('\n').filter((line) => line !== '');
    return rows.map((line) => {
      const { name, value, changed } = SettingSchema.parse(JSON.parse(line));
      return `${name} = ${changed === 1 ? literal(value) : 'DEFAULT'}`;
    });
  }

  /** An INSERT whose statement and data are one text: the data may be binary, so the text is cut before it is read as text. */
  async #insertInline(ofQuery: number, found: InsertStatement, path: string): Promise<Answer> {
    const data = this.#file();
    await tailToFile(path, Math.max(0, found.data_start - ofQuery), data);
    // Found in Latin-1, where a byte is a character; said in UTF-8.
    const utf8 = (text: string) => Buffer.from(text, 'latin1').toString('utf8');
    return this.#insert({ ...found, target: utf8(found.target), settings: utf8(found.settings) }, data, '');
  }

  async #insert({ target, settings, format }: InsertStatement, path: string, compression: string): Promise<Answer> {
    const how = compression === '' ? '' : ` COMPRESSION ${literal(compression)}`;
    const statement = `${target} FROM INFILE ${literal(path)}${how} ${settings} FORMAT ${format}`;
    const result = await this.#session.queryAsync(statement);
    return { format: '', body: nothing(), rows_read: result.rowsRead, bytes_read: result.bytesRead };
  }

  /** As in ClickHouse, what is asked by GET changes nothing; and no statement of a client names a file of this machine. */
  #allow(statement: string, isReading: boolean): void {
    if (this.#request.isReadOnly && !isReading) {
      throw refusal('READONLY', 'Cannot execute query in readonly mode: use POST for statements that change something');
    }
    if (namesFile(statement)) {
      throw refusal(
        'NOT_IMPLEMENTED',
        'INTO OUTFILE and FROM INFILE are for clients: the answer and the data travel in the request',
      );
    }
  }

  async #answer(text: string): Promise<Answer> {
    this.#allow(text, hasAnswer(text));
    const clause = hasAnswer(text) ? formatClause(text) : undefined;
    const format = clause?.format ?? (this.#request.format || DEFAULT_FORMAT);
    const statement = (clause?.statement ?? text).replace(/;\s*$/, '');
    if (!isQuery(statement)) return this.#whole(statement, format);
    if (isPiecewise(format)) return this.#streamed(statement, format);
    return this.#throughFile(statement, format);
  }

  async #whole(statement: string, format: string): Promise<Answer> {
    const result = await this.#session.queryAsync(statement, { format });
    const bytes = result.bytes();
    const shown = bytes.length === 0 ? '' : format;
    return { format: shown, body: once(bytes), rows_read: result.rowsRead, bytes_read: result.bytesRead };
  }

  /** The first piece is awaited before anything is answered, so that most errors still have a status. */
  async #streamed(statement: string, format: string): Promise<Answer> {
    const pieces = this.#session.queryStream(statement, { format })[Symbol.asyncIterator]();
    const first = await pieces.next();
    async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
      let next = first;
      try {
        while (next.done !== true) {
          yield next.value.raw();
          next = await pieces.next();
        }
      } finally {
        await pieces.return?.();
      }
    }
    return { format, body: body(), rows_read: 0, bytes_read: 0 };
  }

  /** Formats with a head or a tail: pieces of them are not the whole, and a large whole is not for memory. */
  async #throughFile(statement: string, format: string): Promise<Answer> {
    const path = this.#file();
    const { settings, rest } = cutSettings(statement);
    const query = `${rest} INTO OUTFILE ${literal(path)} FORMAT ${format} ${settings}`;
    const result = await this.#session.queryAsync(query, { format });
    return { format, body: createReadStream(path), rows_read: result.rowsRead, bytes_read: result.bytesRead };
  }
}

/** SETTINGS at the end of a query belong behind its FORMAT. */
function cutSettings(statement: string): { readonly settings: string; readonly rest: string } {
  const found = /\bSETTINGS\s+(\w+\s*=\s*('[^']*'|[\w.+-]+)\s*,?\s*)+$/i.exec(statement);
  if (found === null) return { settings: '', rest: statement };
  return { settings: found[0], rest: statement.slice(0, found.index) };
}

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}
