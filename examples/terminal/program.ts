import { type StreamingConnection, TidegateClient, TidegateClientError } from '../../client/index.js';

/** Exit codes of the examples' programs, those of the `tidegate` command. */
const FAILED = 1;
const WRONG_USAGE = 2;
const NOT_REACHABLE = 4;

export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** An argument that cannot be used. */
export class UsageError extends Error {}

/** Reads a number of the command line that must not be below `least`. */
export function numberOption(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
  throw new UsageError(`--${name} must be a number from ${least}, not '${text}'`);
}

export function countOption(name: string, text: string): number {
  const value = numberOption(name, text, 1);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name} must be a whole number, not '${text}'`);
}

/** Connects, works, and closes again, whatever happens. */
export async function withConnection(
  url: string,
  work: (connection: StreamingConnection) => Promise<void>,
): Promise<void> {
  const connection = await new TidegateClient(url).connect();
  try {
    await work(connection);
  } finally {
    await connection.close();
  }
}

/** Runs a program of the examples: `stop` fires at the first interrupt; failures become a line and an exit code. */
export async function runProgram(usage: string, program: (stop: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    await program(stop.signal);
  } catch (thrown) {
    process.stderr.write(`${explain(thrown, usage)}\n`);
    process.exitCode = exitCodeOf(thrown);
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

function explain(thrown: unknown, usage: string): string {
  if (isUsage(thrown)) return `${thrown.message}\n\n${usage}`;
  if (!(thrown instanceof Error)) return String(thrown);
  if (isUnreachable(thrown))
    return `${thrown.message}: start the server in another terminal with npm start, or name it with --url`;
  return thrown.message;
}

function exitCodeOf(thrown: unknown): number {
  if (isUsage(thrown)) return WRONG_USAGE;
  return isUnreachable(thrown) ? NOT_REACHABLE : FAILED;
}

/** parseArgs of Node reports an unknown option as a TypeError with such a code. */
function isUsage(thrown: unknown): thrown is Error {
  if (thrown instanceof UsageError) return true;
  return thrown instanceof Error && 'code' in thrown && String(thrown.code).startsWith('ERR_PARSE_ARGS');
}

function isUnreachable(thrown: unknown): boolean {
  return thrown instanceof TidegateClientError && thrown.code === 'CONNECT_FAILED';
}
