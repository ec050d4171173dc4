import { z } from 'zod';
import type { ClickHouseClient } from '../../../clickhouse/connection.js';
import { TidegateError } from '../../../contract/error.js';
import type { Metric } from '../../../contract/rollout-policy.js';
import { anyRowConditions, rowConditions } from '../../log/rows.js';
import type { CountedArm } from './judgement.js';

export interface ArmQuestion {
  readonly model: string;
  readonly champion: number;
  readonly candidate: number;
  readonly from_ms: number;
  readonly to_ms: number;
}

/** What was counted, with all that somebody needs to count it again. */
export interface CountedArms {
  readonly sql: string;
  readonly from: string;
  readonly to: string;
  readonly candidate: CountedArm;
  /** undefined: both versions are one figure, as their agreement is. */
  readonly champion: CountedArm | undefined;
}

const number = z.coerce.number();
const RowSchema = z.array(
  z.object({ version: number, samples: number, numerator: number, denominator: number, squares: number }),
);
const NONE: CountedArm = { samples: 0, numerator: 0, denominator: 0, squares: 0 };

/** Longest that a measurement may take: a store that is busy with it would serve nobody else. */
const LIMITS = { max_execution_time: 30 };

/** Counts a share of both arms in the prediction log. Throws UNSUPPORTED for what is no share. */
export async function countedArms(
  client: ClickHouseClient,
  database: string,
  query: Metric['query'],
  question: ArmQuestion,
): Promise<CountedArms> {
  const sql = sqlOf(database, query, question);
  const answer = await client.query({ query: sql, format: 'JSONEachRow', clickhouse_settings: LIMITS });
  const rows = RowSchema.parse(await answer.json());
  const armOf = (wanted: number): CountedArm => {
    const found = rows.find(({ version }) => version === wanted);
    if (found === undefined) return NONE;
    const { version: _, ...arm } = found;
    return arm;
  };
  return {
    sql,
    from: new Date(question.from_ms).toISOString(),
    to: new Date(question.to_ms).toISOString(),
    candidate: armOf(question.candidate),
    champion: query.agreement === undefined ? armOf(question.champion) : undefined,
  };
}

function sqlOf(database: string, query: Metric['query'], question: ArmQuestion): string {
  const { champion, candidate } = question;
  if (query.errors !== undefined) {
    return `SELECT version, count() AS samples, sumIf(1 / share, outcome != 'ok') AS numerator, sum(1 / share) AS denominator, sum(1 / share / share) AS squares
      FROM ${database}.inference_log WHERE ${anyRowConditions(question)} AND row_idx = 0 AND version IN (${champion}, ${candidate}) GROUP BY version`;
  }
  if (query.agreement !== undefined) {
    // The same request and row, answered by both: a repeated row of the log counts once.
    const side = (
      version: number,
    ): string => `SELECT request_id, row_idx, any(score) AS score, any(class) AS class, min(share) AS share
      FROM ${database}.inference_log WHERE ${rowConditions({ ...question, version })} GROUP BY request_id, row_idx`;
    const isSame = `a.class = b.class AND (abs(a.score - b.score) <= ${query.agreement.within} OR (isNaN(a.score) AND isNaN(b.score)))`;
    return `SELECT ${candidate} AS version, count() AS samples, sumIf(1 / b.share, ${isSame}) AS numerator, sum(1 / b.share) AS denominator, sum(1 / b.share / b.share) AS squares
      FROM (${side(champion)}) AS a INNER JOIN (${side(candidate)}) AS b ON a.request_id = b.request_id AND a.row_idx = b.row_idx`;
  }
  throw new TidegateError(
    'UNSUPPORTED',
    `a rollout cannot measure ${Object.keys(query).join(', ')} yet: it can measure errors and agreement`,
  );
}
