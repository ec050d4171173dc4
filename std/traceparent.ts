export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly trace_id: string;
  /** 16 lower-case hexadecimal digits: the caller's span. */
  readonly span_id: string;
  readonly sampled: boolean;
}

const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The header `traceparent` of W3C Trace Context; undefined where it is none. Later versions may add fields behind the first four. */
export function parseTraceparent(header: string): TraceContext | undefined {
  const match = PATTERN.exec(header);
  if (match === null) return undefined;
  const [, version, trace_id, span_id, flags, more] = match;
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(trace_id) || /^0+$/.test(span_id)) return undefined;
  return { trace_id, span_id, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
