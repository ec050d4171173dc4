import { z } from 'zod';
import type { ClickHouseClient } from '../../../clickhouse/connection.js';
import { quoted } from '../../../clickhouse/table.js';
import type { Attachment, LoggedRow, WinningLabel } from './attachment.js';
import { DECIDED, readDecided } from './ledger.js';

const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;
/** Clocks of callers, nodes and ClickHouse may differ by so much. */
const SKEW_MS = 600_000;

const count = z.coerce.number();
const RowSchema = z.object({
  node: z.string(),
  epoch: count,
  seq: count,
  row_idx: z.number(),
  ts_us: count,
  model: z.string(),
  version: z.number(),
  variant: z.string(),
  segment: z.record(z.string(), z.string()),
  score: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
  class: z.string(),
  share: z.number(),
});
const ROW_NAMES = Object.keys(RowSchema.shape);
const RequestRowSchema = z.array(RowSchema.extend({ request_id: z.string() }));
const EntityRowSchema = z.array(RowSchema.extend({ label_key: z.string() }));
const LabelSchema = z.array(
  z
    .object({
      key: z.string(),
      model: z.string(),
      request_id: z.string(),
      row: z.number(),
      entity_key: z.string(),
      ts_us: count,
      text: z.string(),
      number: z
        .number()
        .nullable()
        .transform((value) => value ?? Number.NaN),
    })
    .strict(),
);

const ROW = `node, epoch, seq, row_idx, toUnixTimestamp64Micro(ts) AS ts_us, model, version, variant, segment,
  if(isNaN(score), NULL, score) AS score, class, share`;

/** A query with twenty thousand ids in it, and tables of a cluster within each other. */
const SETTINGS = { max_query_size: '67108864', distributed_product_mode: 'global', join_use_nulls: 0 } as const;

/** What the join asks ClickHouse: labels, rows of the log, and which of them are together already. */
export class Matches {
  readonly #client: ClickHouseClient;
  readonly #database: string;

  constructor(client: ClickHouseClient, database: string) {
    this.#client = client;
    this.#database = database;
  }

  /** The labels that count, of the keys that came in some batches. */
  async labelsOf(batches: readonly number[]): Promise<WinningLabel[]> {
    return this.#winners(`SELECT label_key FROM ${this.#database}.labels WHERE batch IN (${batches.join(', ')})`);
  }

  /**
   * Labels that came before their predictions: those of rows that reached the log in a span, and are not at these rows yet. Only labels that came after the earliest
   * of these rows was predicted can be.
   */
  async earlyLabels(from_ms: number, to_ms: number, most: number): Promise<WinningLabel[]> {
    const { labels, log, labelled } = this.#tables();
    const logged = `outcome = 'ok' AND logged_at >= ${millis(from_ms)} AND logged_at < ${millis(to_ms)}`;
    const [{ earliest_ms, rows }] = z
      .array(z.object({ earliest_ms: count, rows: count }))
      .parse(
        await this.#rows(
          `SELECT toUnixTimestamp64Milli(min(ts)) AS earliest_ms, count() AS rows FROM ${log} WHERE ${logged}`,
        ),
      );
    if (rows === 0) return [];
    const recent = `received_at >= ${millis(earliest_ms - SKEW_MS)}`;
    const [{ known }] = z
      .array(z.object({ known: count }))
      .parse(await this.#rows(`SELECT count() AS known FROM ${this.#database}.label_batches WHERE ${recent}`));
    if (known === 0) return [];
    const together = `SELECT label_key, epoch, seq, row_idx, node FROM ${labelled} WHERE kind = 'row' AND decided_at >= ${millis(earliest_ms - SKEW_MS)}`;
    return this.#winners(`SELECT DISTINCT label_key FROM (
        SELECT l.label_key AS label_key, p.epoch AS epoch, p.seq AS seq, p.row_idx AS row_idx, p.node AS node
        FROM (SELECT label_key, model, request_id, row_idx FROM ${labels} WHERE ${recent} AND request_id != '') AS l
        INNER JOIN (SELECT request_id, row_idx, model, epoch, seq, node FROM ${log} WHERE ${logged}) AS p
        ON l.request_id = p.request_id AND l.row_idx = p.row_idx
        WHERE l.model = '' OR l.model = p.model
        UNION ALL
        SELECT l.label_key, p.epoch, p.seq, p.row_idx, p.node
        FROM (SELECT label_key, model, entity_key, ts FROM ${labels} WHERE ${recent} AND entity_key != '') AS l
        INNER JOIN (SELECT entity_key, row_idx, model, epoch, seq, node, ts FROM ${log} WHERE ${logged} AND entity_key != '') AS p
        ON l.entity_key = p.entity_key AND l.model = p.model
        WHERE l.ts >= p.ts
      ) WHERE (label_key, epoch, seq, row_idx, node) NOT IN (${together})
      ORDER BY label_key LIMIT ${most}`);
  }

  /** Rows of the log that labels are of, by the keys of these. */
  async rowsOf(wanted: readonly WinningLabel[], window_us: number): Promise<Map<string, LoggedRow[]>> {
    const found = new Map<string, LoggedRow[]>(wanted.map(({ key }) => [key, []]));
    const byRequest = wanted.filter(({ request_id }) => request_id !== '');
    const byEntity = wanted.filter(({ entity_key }) => entity_key !== '');
    if (byRequest.length > 0) await this.#requestRows(byRequest, window_us, found);
    if (byEntity.length > 0) await this.#entityRows(byEntity, window_us, found);
    return found;
  }

  /** Where labels are now. */
  async attachments(keys: readonly string[]): Promise<Map<string, Attachment[]>> {
    const rows = await this.#rows(
      `SELECT * EXCEPT total, toInt8(1) AS sign FROM (
        SELECT * EXCEPT sign, sum(sign) AS total FROM (SELECT ${DECIDED} FROM ${this.#database}.labelled WHERE kind = 'row' AND ${among('labelled.label_key', keys)})
        GROUP BY ALL HAVING total > 0)`,
    );
    const there = new Map<string, Attachment[]>();
    for (const attachment of readDecided(rows)) {
      there.set(attachment.key, [...(there.get(attachment.key) ?? []), attachment]);
    }
    return there;
  }

  async #requestRows(
    wanted: readonly WinningLabel[],
    window_us: number,
    found: Map<string, LoggedRow[]>,
  ): Promise<void> {
    const ids = [...new Set(wanted.map(({ request_id }) => request_id))];
    const from_us = wanted.reduce(
      (least, label) => Math.min(least, earliest(label, window_us)),
      Number.MAX_SAFE_INTEGER,
    );
    const models = new Set(wanted.map(({ model }) => model));
    const rows = RequestRowSchema.parse(
      await this.#rows(`SELECT request_id, ${ROW} FROM ${this.#database}.inference_log
        WHERE outcome = 'ok' AND request_id IN ${texts(ids)} AND ts >= ${micros(from_us)}
        ${models.has('') ? '' : `AND model IN (${[...models].map(quoted).join(', ')})`}`),
    );
    const byRequest = new Map<string, LoggedRow[]>();
    for (const { request_id, ...row } of rows) {
      const place = `${row.row_idx} ${request_id}`;
      byRequest.set(place, [...(byRequest.get(place) ?? []), row]);
    }
    for (const { key, model, request_id, row } of wanted) {
      const all = byRequest.get(`${row} ${request_id}`) ?? [];
      found.set(
        key,
        all.filter((each) => model === '' || each.model === model),
      );
    }
  }

  async #entityRows(
    wanted: readonly WinningLabel[],
    window_us: number,
    found: Map<string, LoggedRow[]>,
  ): Promise<void> {
    const entities = [...new Set(wanted.map(({ entity_key }) => entity_key))];
    const models = [...new Set(wanted.map(({ model }) => model))].map(quoted).join(', ');
    const times = wanted.map(({ ts_us }) => ts_us);
    const [least, greatest] = times.reduce(
      ([low, high], ts) => [Math.min(low, ts), Math.max(high, ts)],
      [times[0], times[0]],
    );
    const rows = EntityRowSchema.parse(
      await this.#rows(`SELECT l.label_key AS label_key, ${ROW_NAMES.map((name) => `p.${name} AS ${name}`).join(', ')} FROM (
          SELECT DISTINCT toString(label_key) AS label_key, model, entity_key, ts, arrayJoin(['champion', 'shadow', 'canary']) AS variant
          FROM ${this.#database}.labels WHERE ${among(
            'labels.label_key',
            wanted.map(({ key }) => key),
          )}
        ) AS l
        ASOF JOIN (
          SELECT ${ROW}, entity_key, ts AS at FROM ${this.#database}.inference_log
          WHERE outcome = 'ok' AND model IN (${models}) AND entity_key IN ${texts(entities)}
            AND inference_log.ts >= ${micros(least - 2 * window_us)} AND inference_log.ts <= ${micros(greatest)}
          ORDER BY at, epoch, seq, row_idx
        ) AS p
        ON l.model = p.model AND l.entity_key = p.entity_key AND l.variant = p.variant AND l.ts >= p.at`),
    );
    for (const { label_key, ...row } of rows) found.get(label_key)?.push(row);
  }

  async #winners(keys: string): Promise<WinningLabel[]> {
    const newest = (column: string) => `argMax(${column}, (version, received_at, batch)) AS ${column}`;
    return LabelSchema.parse(
      await this.#rows(`SELECT toString(label_key) AS key, model, request_id, row_idx AS row, entity_key, toUnixTimestamp64Micro(ts) AS ts_us,
          label_text AS text, if(isNaN(label_num), NULL, label_num) AS number FROM (
          SELECT label_key, ${['model', 'request_id', 'row_idx', 'entity_key', 'ts', 'label_text', 'label_num'].map(newest).join(', ')}
          FROM ${this.#database}.labels WHERE label_key IN (${keys}) GROUP BY label_key)`),
    );
  }

  #tables(): { readonly labels: string; readonly log: string; readonly labelled: string } {
    const of = (table: string) => `${this.#database}.${table}`;
    return { labels: of('labels'), log: of('inference_log'), labelled: of('labelled') };
  }

  async #rows(query: string): Promise<unknown> {
    const answer = await this.#client.query({ query, format: 'JSONEachRow', clickhouse_settings: SETTINGS });
    return answer.json();
  }
}

/** A prediction cannot be much older than this: twice the window, so that labels that come too late are seen to be. */
function earliest({ request_id, ts_us }: WinningLabel, window_us: number): number {
  const made_us = uuid7Time(request_id);
  const back_us = ts_us - 2 * window_us - DAY_US;
  return made_us === undefined ? back_us : Math.max(back_us, made_us - DAY_US);
}

const UUID7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Microseconds at which such an id was made (RFC 9562: its first 48 bits are milliseconds). */
export function uuid7Time(id: string): number | undefined {
  const found = UUID7.exec(id);
  return found === null ? undefined : Number.parseInt(found[1] + found[2], 16) * 1000;
}

/** Any number of texts as one literal: twenty thousand of them would be too large a tree for ClickHouse. */
function texts(values: readonly string[]): string {
  return `(SELECT arrayJoin(JSONExtract(${quoted(JSON.stringify(values))}, 'Array(String)')))`;
}

function among(column: string, keys: readonly string[]): string {
  return `${column} IN (SELECT arrayJoin(arrayMap(key -> toUInt128(key), splitByChar(',', '${keys.join()}'))))`;
}

function micros(us: number): string {
  return `fromUnixTimestamp64Micro(${Math.max(0, Math.round(us))}, 'UTC')`;
}

function millis(ms: number): string {
  return `fromUnixTimestamp64Milli(${Math.max(0, Math.round(ms))}, 'UTC')`;
}
