/** An error of the engine, or one that speaks like it. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  /** ClickHouse's number of the error. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const CODES = {
  UNKNOWN_FORMAT: 73,
  SYNTAX_ERROR: 62,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  SESSION_NOT_FOUND: 372,
  SESSION_IS_LOCKED: 373,
  UNKNOWN_COMPRESSION_METHOD: 89,
  CANNOT_READ_ALL_DATA: 33,
  NOT_IMPLEMENTED: 48,
  READONLY: 164,
  ACCESS_DENIED: 497,
  QUERY_WAS_CANCELLED: 394,
  UNKNOWN_EXCEPTION: 1002,
  REQUIRED_PASSWORD: 194,
  AUTHENTICATION_FAILED: 516,
} as const;

type CodeName = keyof typeof CODES;

/** An error of this interface, in the words of ClickHouse: `Code: 372. DB::Exception: … (SESSION_NOT_FOUND)`. */
export function refusal(name: CodeName, message: string): EngineError {
  return new EngineError(CODES[name], `Code: ${CODES[name]}. DB::Exception: ${message} (${name})`);
}

export function asEngineError(thrown: unknown): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const told = /Code: (\d+)\./.exec(message);
  if (told !== null) return new EngineError(Number(told[1]), message);
  return refusal('UNKNOWN_EXCEPTION', message);
}

/** Codes whose requests were wrong: ClickHouse answers 400 to what cannot be parsed, and 404 to what is not there. */
const BAD_REQUEST = new Set([
  6, 26, 27, 38, 41, 42, 43, 44, 47, 53, 62, 72, 70, 69, 36, 117, 115, 130, 131, 158, 436, 456, 457, 89, 33,
]);
const NOT_FOUND = new Set([46, 60, 63, 73, 81, 372]);
const TOO_LARGE = new Set([161, 307]);
const NOT_IMPLEMENTED = new Set([48]);
const UNAVAILABLE = new Set([202, 373]);
const FORBIDDEN = new Set([497, 164]);

/** The status of an answer that is an error. */
export function statusOf(code: number): number {
  if (code === CODES.REQUIRED_PASSWORD || code === CODES.AUTHENTICATION_FAILED) return 401;
  if (FORBIDDEN.has(code)) return 403;
  if (BAD_REQUEST.has(code)) return 400;
  if (NOT_FOUND.has(code)) return 404;
  if (TOO_LARGE.has(code)) return 413;
  if (NOT_IMPLEMENTED.has(code)) return 501;
  return UNAVAILABLE.has(code) ? 503 : 500;
}
