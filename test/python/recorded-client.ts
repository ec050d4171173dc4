import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES } from '../harness/checkout.js';

/** One request as a Python client sent it, to the byte, and what the runtime answered when it was recorded. */
export interface ClientExchange {
  /** Request line and headers, with the empty line that ends them. */
  readonly head: string;
  readonly body_base64: string;
  readonly answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body_base64: string;
  };
}

export const CLIENTS = ['tritonclient', 'kserve'] as const;

/** The headers that a client acts on. */
export const ANSWER_HEADERS = ['content-type', 'content-encoding', 'inference-header-content-length'] as const;

export function recordingPath(client: string): string {
  return join(FIXTURES, 'clients', `${client}.json`);
}

export function recordedExchanges(client: string): readonly ClientExchange[] {
  const exchanges: readonly ClientExchange[] = JSON.parse(readFileSync(recordingPath(client), 'utf8'));
  return exchanges;
}
