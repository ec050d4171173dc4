import { TidegateError } from '../contract/error.js';

/** What the command answers to the shell. */
export const EXIT = { DONE: 0, FAILED: 1, USAGE: 2, REFUSED: 3, UNREACHABLE: 4 } as const;

/** Ends the command with a message and one of the codes above. */
export class CommandError extends Error {
  readonly exit: number;

  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommandError) return thrown.exit;
  if (thrown instanceof TidegateError && thrown.code === 'INVALID_CONFIG') return EXIT.USAGE;
  return EXIT.FAILED;
}

/** What people read of an error: its message, and with TIDEGATE_LOG_LEVEL=debug where it came from. */
export function describeError(thrown: unknown, env: NodeJS.ProcessEnv): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return env['TIDEGATE_LOG_LEVEL'] === 'debug' ? (thrown.stack ?? thrown.message) : thrown.message;
}
