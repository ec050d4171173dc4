import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'auto' | 'json' | 'pretty';

type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  /** Writes what is still held back. */
  flush(): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: for people on a terminal, JSON lines everywhere else. */
  readonly format: LogFormat;
  readonly service: string;
  readonly node: string;
}

/** One JSON object a line on standard output (pino), or the same for people. Inputs of requests are never logged. */
export function createLog(options: LogOptions): Log {
  const { service, node } = options;
  const settings = {
    level: options.level,
    base: { service, node },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err, err: pino.stdSerializers.err },
  };
  const readable = options.format === 'pretty' || (options.format === 'auto' && process.stdout.isTTY === true);
  const destination: DestinationStream = readable
    ? pretty({ sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'service,node', messageKey: 'msg' })
    : pino.destination({ fd: 1, sync: true });
  return wrap(pino(settings, destination));
}

function wrap(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush: () => logger.flush(),
  };
}
