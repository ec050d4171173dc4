import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { answerOf, reach } from './node-client.js';

export interface ControlOptions {
  readonly controlUrl: string;
  readonly json?: true;
}

/** `--control-url` and `--json`, for every command that asks the control plane. */
export function withControl(command: Command): Command {
  return command.addOption(controlUrlOption()).option('--json', 'the answer as JSON');
}

/** Where the control plane is: as TIDEGATE_CONTROL_URL says, else on this machine. */
export function controlUrlOption(): Option {
  const port = process.env['TIDEGATE_CONTROL_PORT'] ?? '8090';
  const url = process.env['TIDEGATE_CONTROL_URL'] ?? `http://127.0.0.1:${port}`;
  return new Option('--control-url <url>', 'where the control plane listens').default(url);
}

export interface ControlRequest<T> {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Only if it still is what was seen. */
  readonly revision?: number | undefined;
  readonly schema: z.ZodType<T>;
}

/** Asks the control plane to do something, or what is. Ends the command with REFUSED, FAILED or UNREACHABLE. */
export async function control<T>(
  url: string,
  { method = 'GET', path, body, revision, schema }: ControlRequest<T>,
): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  // A command is what somebody wants now, whatever it is by now, unless it says what it was made from.
  if (revision !== undefined) headers['if-match'] = `"${revision}"`;
  else if (method === 'PUT' || method === 'PATCH' || method === 'DELETE') headers['if-match'] = '*';
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return answerOf(url, path, schema, await reach(url, path, init));
}

/** For people a text, for programs the answer as it came. */
export function print<T>(answer: T, json: true | undefined, text: (answer: T) => string): void {
  console.log(json === true ? JSON.stringify(answer, null, 2) : text(answer));
}
