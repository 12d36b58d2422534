import { destination, pino, stdSerializers, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentRequestContext } from './request-context.ts';

/** Writes one JSON line per event: `logger.info({ rows }, 'months created')`. */
export type Logger = PinoLogger;

/** How much is written; each level includes those before it. `silent` writes nothing. */
export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Named on every line. */
  readonly service: string;
  readonly level: LogLevel;
  /** Where the lines go; stderr unless told, since stdout belongs to results. */
  readonly destination?: DestinationStream;
}

/** Fields that are never written, wherever they stand up to two levels deep. */
const secretFields = [
  'authorization',
  'apiKey',
  'credential',
  'password',
  'secret',
  'operatorKey',
  'serviceSecret',
  'cookie',
];

/**
 * Makes a logger. Lines carry the request id of the request being answered, if there is one.
 * Writing is synchronous, so that the last line before a crash is not lost.
 */
export function createLogger({ service, level, destination: stream }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause, err: stdSerializers.errWithCause },
      mixin: () => ({ ...currentRequestContext() }),
      redact: {
        paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[secret]',
      },
    },
    stream ?? destination({ dest: 2, sync: true }),
  );
}
