import { z } from 'zod';
import { CommandError, EXIT } from './exit.js';

const ErrorSchema = z.object({ error: z.string(), code: z.string().optional() });

/** Asks a running node. Ends the command with UNREACHABLE when nothing answers there. */
export async function ask(url: string, path: string, body?: unknown): Promise<unknown> {
  let response: Response;
  try {
    const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    response = await fetch(new URL(path, url), post);
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new CommandError(
      EXIT.UNREACHABLE,
      `nothing answers at ${url} (${reason}): start a node with tidegate up, or give --url`,
    );
  }
  const text = await response.text();
  const parsed: unknown = text === '' ? {} : JSON.parse(text);
  if (response.ok) return parsed;
  const refused = ErrorSchema.safeParse(parsed);
  const message = refused.success
    ? `${refused.data.error} (${refused.data.code ?? response.status})`
    : `status ${response.status}`;
  throw new CommandError(response.status < 500 ? EXIT.REFUSED : EXIT.FAILED, message);
}
