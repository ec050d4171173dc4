import { LogLimit } from '../../std/log-limit.js';
import { parseTraceparent } from '../../std/traceparent.js';

type Fields = Readonly<Record<string, unknown>>;
type Write = (fields: Fields, message: string) => void;

/** The log of the node. */
export interface NodeLog {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

/** What the faces write. `request` is undefined where requests are not logged, so that nothing is gathered for it. */
export interface FaceLog extends NodeLog {
  readonly request: ((fields: object) => void) | undefined;
}

export interface FaceLogOptions {
  readonly log_requests: boolean;
  /** Between two warnings, or errors, of the same text and cause. */
  readonly interval_ms?: number;
  readonly now_ms?: () => number;
}

const MINUTE_MS = 60_000;

/**
 * Callers decide how often the faces have something to say, so a warning or an error of the same cause is written once a minute; the
 * next one says how many were held back. `traceparent` becomes `trace_id` and `span_id`, by which tracing systems find the line.
 */
export function createFaceLog(log: NodeLog, options: FaceLogOptions): FaceLog {
  const limit = new LogLimit(options.interval_ms ?? MINUTE_MS, options.now_ms);
  const limited =
    (write: Write): Write =>
    (fields, message) => {
      const held_back = limit.admit(`${message}: ${causeOf(fields)}`);
      if (held_back !== undefined) write(traced(held_back === 0 ? fields : { ...fields, held_back }), message);
    };
  return {
    debug: (fields, message) => log.debug(traced(fields), message),
    info: (fields, message) => log.info(traced(fields), message),
    warn: limited((fields, message) => log.warn(fields, message)),
    error: limited((fields, message) => log.error(fields, message)),
    request: options.log_requests ? (fields) => log.info(withoutEmpty(traced({ ...fields })), 'request') : undefined,
  };
}

function causeOf({ error, err }: Fields): string {
  const cause = error ?? err;
  return cause instanceof Error ? cause.message.slice(0, 200) : '';
}

function traced(fields: Fields): Fields {
  const { traceparent, ...others } = fields;
  if (typeof traceparent !== 'string') return fields;
  const context = parseTraceparent(traceparent);
  return context === undefined ? others : { ...others, trace_id: context.trace_id, span_id: context.span_id };
}

function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
