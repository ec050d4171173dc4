import { type AlertRoute, SEVERITIES } from '../../contract/monitor.js';
import type { LedgerEntry } from '../monitor/monitor-ledger.js';

/** After so many attempts nobody is told any more; the deliveries say so. */
export const MOST_ATTEMPTS = 8;
const FIRST_RETRY_MS = 5000;
const MOST_RETRY_MS = 3_600_000;
/** An attempt that was begun and never ended belongs to a process that is gone. */
const ABANDONED_MS = 60_000;

/** The last attempt to tell one route of one change. */
export interface LastAttempt {
  readonly attempt: number;
  readonly outcome: 'started' | 'sent' | 'failed' | 'dead';
  readonly at_ms: number;
}

/** Whether a route wants to know of an alert. */
export function isFor({ spec }: AlertRoute, { severity, model, labels }: LedgerEntry): boolean {
  const [wanted, given] = [spec.severity, severity].map((each) => SEVERITIES.indexOf(each));
  if (given < wanted) return false;
  if (spec.models !== undefined && !spec.models.includes(model)) return false;
  return Object.entries(spec.labels).every(([name, value]) => labels[name] === value);
}

/** 5 s, 10 s, 20 s, … up to an hour. */
export function retry_ms(attempt: number): number {
  return Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
}

/** The number of the next attempt, if its time has come; undefined: not now, or never again. */
export function nextAttempt(
  change: Pick<LedgerEntry, 'at_ms'>,
  last: LastAttempt | undefined,
  { group_wait, webhook, email }: AlertRoute['spec'],
  now_ms: number,
): number | undefined {
  if (last === undefined) return now_ms >= change.at_ms + group_wait ? 1 : undefined;
  if (last.outcome === 'sent' || last.outcome === 'dead') return undefined;
  const timeout_ms = (webhook ?? email)?.timeout ?? 0;
  const wait_ms = last.outcome === 'started' ? timeout_ms + ABANDONED_MS : retry_ms(last.attempt);
  return now_ms >= last.at_ms + wait_ms ? last.attempt + 1 : undefined;
}
