import type { Command } from 'commander';
import { z } from 'zod';
import { type ControlOptions, withControl } from './control-client.js';
import { CommandError, EXIT } from './exit.js';
import { answerOf, reach } from './node-client.js';

const RETRY_MS = 1000;
const DataSchema = z.looseObject({ kind: z.string(), at: z.string() });

interface EventOptions extends ControlOptions {
  readonly kind?: string;
}

/** `tidegate events`: what changes, as it changes. */
export function addEvents(program: Command): void {
  withControl(program.command('events'))
    .description('follow what changes: what was asked for, the fleet, long work')
    .option('--kind <kinds>', 'only of these kinds, with commas between: changed, fleet, operation')
    .addHelpText('after', '\nExample:\n  tidegate events --kind fleet')
    .action(follow);
}

/** One event of a stream. */
export interface ServerEvent {
  readonly id: string;
  readonly kind: string;
  readonly data: string;
}

/** Cuts a stream of server-sent events into events; comments and ids alone are none, and only move the id. */
export class EventParser {
  #text = '';
  id = '';

  *take(chunk: string): Generator<ServerEvent> {
    this.#text += chunk;
    for (let end = this.#text.indexOf('\n\n'); end >= 0; end = this.#text.indexOf('\n\n')) {
      const fields = new Map<string, string>();
      for (const line of this.#text.slice(0, end).split('\n')) {
        const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
        if (name !== undefined) fields.set(name, value);
      }
      this.#text = this.#text.slice(end + 2);
      this.id = fields.get('id') ?? this.id;
      const data = fields.get('data');
      if (data !== undefined) yield { id: this.id, kind: fields.get('event') ?? 'message', data };
    }
  }
}

/** Follows until it is interrupted. A control plane that goes away is waited for, once there was one. */
async function follow({ controlUrl, kind, json }: EventOptions): Promise<void> {
  const parser = new EventParser();
  const path = kind === undefined ? '/v1/events' : `/v1/events?${new URLSearchParams({ kind })}`;
  for (let isFirst = true; ; isFirst = false) {
    try {
      const headers = parser.id === '' ? {} : { 'last-event-id': parser.id };
      const answer = await reach(controlUrl, path, { headers });
      if (!answer.ok) await answerOf(controlUrl, path, z.never(), answer);
      await printed(answer, parser, json);
    } catch (error) {
      const isAway = error instanceof TypeError || (error instanceof CommandError && error.exit === EXIT.UNREACHABLE);
      if (isFirst || !isAway) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function printed(answer: Response, parser: EventParser, json: true | undefined): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    for (const event of parser.take(decoder.decode(chunk, { stream: true }))) {
      console.log(json === true ? event.data : lineOf(event));
    }
  }
}

function lineOf({ kind, data }: ServerEvent): string {
  const read = DataSchema.safeParse(JSON.parse(data));
  if (!read.success) return `${kind}  ${data}`;
  const { kind: _kind, at, ...rest } = read.data;
  const members = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [at, kind, ...members].join('  ');
}
