import { z } from 'zod';
import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { quoted } from '../../clickhouse/table.js';

const count = z.coerce.number();
const value = z
  .number()
  .nullable()
  .transform((found) => found ?? Number.NaN);
const PairSchema = z.tuple([value, value, z.string(), z.string(), z.string(), value, z.number()]);
const CountSchema = z.array(z.object({ n: count }));

export interface PairQuestion {
  readonly model: string;
  readonly champion: number;
  readonly challenger: number;
  readonly from_ms: number;
  readonly to_ms: number;
  /** `name=value` */
  readonly segment?: string | undefined;
  /** Most pairs that are read. */
  readonly rows: number;
}

/** Labelled rows that both versions answered: the same request, the same label. */
export interface PairedRows {
  readonly rows: number;
  /** How many there are. */
  readonly of: number;
  readonly champion_scores: Float64Array;
  readonly challenger_scores: Float64Array;
  readonly champion_classes: readonly string[];
  readonly challenger_classes: readonly string[];
  readonly labels: readonly string[];
  readonly numbers: Float64Array;
  /** 1, 0, or -1 where the task has none. */
  readonly positives: Int8Array;
}

/** Of more pairs than are asked for, some by the hash of their label: always the same ones. */
export async function pairedRows(
  client: ClickHouseClient,
  database: string,
  question: PairQuestion,
): Promise<PairedRows> {
  const pairs = pairsQuery(database, question);
  const counted = await client.query({ query: `SELECT count() AS n FROM (${pairs})`, format: 'JSONEachRow' });
  const [{ n }] = CountSchema.parse(await counted.json());
  const answer = await client.query({
    query: `SELECT if(isNaN(first_score), NULL, first_score), if(isNaN(second_score), NULL, second_score), first_class, second_class,
      label_text, if(isNaN(label_num), NULL, label_num), positive
      FROM (${pairs}) ORDER BY cityHash64(label_key) LIMIT ${question.rows}`,
    format: 'JSONCompactEachRow',
  });
  const found = z.array(PairSchema).parse(await answer.json());
  return {
    rows: found.length,
    of: n,
    champion_scores: Float64Array.from(found, (row) => row[0]),
    challenger_scores: Float64Array.from(found, (row) => row[1]),
    champion_classes: found.map((row) => row[2]),
    challenger_classes: found.map((row) => row[3]),
    labels: found.map((row) => row[4]),
    numbers: Float64Array.from(found, (row) => row[5]),
    positives: Int8Array.from(found, (row) => row[6]),
  };
}

function pairsQuery(database: string, { model, champion, challenger, from_ms, to_ms, segment }: PairQuestion): string {
  const side = (
    version: number,
  ) => `SELECT label_key, any(score) AS score, any(class) AS class, any(label_text) AS label_text, any(label_num) AS label_num, any(positive) AS positive FROM (
      SELECT label_key, epoch, seq, row_idx, node, score, class, label_text, label_num, positive FROM ${database}.labelled
      WHERE kind = 'row' AND outcome = 'joined' AND model = ${quoted(model)} AND version = ${version}
        AND ts >= fromUnixTimestamp64Milli(${from_ms}, 'UTC') AND ts < fromUnixTimestamp64Milli(${to_ms}, 'UTC')${segmentCondition(segment)}
      GROUP BY ALL HAVING sum(sign) > 0) GROUP BY label_key`;
  return `SELECT a.label_key AS label_key, a.score AS first_score, b.score AS second_score, a.class AS first_class, b.class AS second_class,
      a.label_text AS label_text, a.label_num AS label_num, a.positive AS positive
    FROM (${side(champion)}) AS a INNER JOIN (${side(challenger)}) AS b ON a.label_key = b.label_key`;
}

function segmentCondition(segment: string | undefined): string {
  if (segment === undefined) return '';
  const [name, ...rest] = segment.split('=');
  return ` AND mapContains(segment, ${quoted(name)}) AND segment[${quoted(name)}] = ${quoted(rest.join('='))}`;
}
