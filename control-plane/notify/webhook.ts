import type { Webhook } from '../../contract/monitor.js';
import { signature } from './payload.js';

const MOST_DETAIL = 500;

/** What became of one attempt. */
export interface Sent {
  readonly ok: boolean;
  /** Status, or why there is none. */
  readonly detail: string;
}

/** Sends once. What does not answer in time, answers with another status than 2xx, or sends elsewhere, has not taken it. */
export async function postWebhook(webhook: Webhook, payload: unknown, delivery: string, now_ms: number): Promise<Sent> {
  const body = JSON.stringify(payload);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'tidegate',
    // The same for every attempt: the receiver can drop what it has seen.
    'tidegate-delivery': delivery,
    ...(webhook.secret === undefined ? {} : { 'tidegate-signature': signature(webhook.secret, body, now_ms) }),
  };
  try {
    const signal = AbortSignal.timeout(webhook.timeout);
    const response = await fetch(webhook.url, { method: 'POST', headers, body, redirect: 'error', signal });
    const text = response.ok ? '' : `: ${(await response.text()).slice(0, MOST_DETAIL)}`;
    if (response.ok) await response.body?.cancel();
    return { ok: response.ok, detail: `${response.status}${text}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return {
      ok: false,
      detail: `${error instanceof Error ? error.message : String(error)}${cause}`.slice(0, MOST_DETAIL),
    };
  }
}
