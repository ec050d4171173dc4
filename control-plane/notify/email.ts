import { createTransport } from 'nodemailer';
import type { Email } from '../../contract/monitor.js';
import type { LedgerEntry } from '../monitor/monitor-ledger.js';
import { monitorUrl, summaryOf } from './payload.js';
import type { Sent } from './webhook.js';

const MOST_DETAIL = 500;

/** Sends one mail of some changes of alerts. What the server does not take, for one of the receivers even, has not been sent. */
export async function sendEmail(
  { to, from, smtp, timeout }: Email,
  changes: readonly LedgerEntry[],
  { delivery, control_url }: { readonly delivery: string; readonly control_url: string },
): Promise<Sent> {
  const { host, port, encryption, user, password } = smtp;
  const transport = createTransport({
    host,
    port,
    secure: encryption === 'tls',
    requireTLS: encryption === 'starttls',
    ignoreTLS: encryption === 'none',
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
  });
  try {
    const { response, rejected } = await transport.sendMail({
      from,
      to: [...to],
      subject: subjectOf(changes),
      text: textOf(changes, control_url),
      headers: { 'x-tidegate-delivery': delivery, 'auto-submitted': 'auto-generated' },
    });
    if (rejected.length > 0) return { ok: false, detail: `refused for ${rejected.join(', ')}`.slice(0, MOST_DETAIL) };
    return { ok: true, detail: response.slice(0, MOST_DETAIL) };
  } catch (error) {
    return { ok: false, detail: (error instanceof Error ? error.message : String(error)).slice(0, MOST_DETAIL) };
  } finally {
    transport.close();
  }
}

export function subjectOf(changes: readonly LedgerEntry[]): string {
  const [first] = changes;
  const what = `[${first.severity}] ${first.monitor} ${first.change === 'fired' ? 'fires' : 'is resolved'}`;
  return changes.length === 1 ? what : `${what}, and ${changes.length - 1} more`;
}

function textOf(changes: readonly LedgerEntry[], control_url: string): string {
  return changes
    .map((entry) =>
      [
        summaryOf(entry),
        `at ${new Date(entry.at_ms).toISOString()}, severity ${entry.severity}`,
        monitorUrl(control_url, entry.monitor),
        `evidence: ${entry.evidence}`,
      ].join('\n'),
    )
    .join('\n\n');
}
