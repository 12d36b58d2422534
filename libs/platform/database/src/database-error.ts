import { DomainError } from '@parley/errors';

/** How long callers are told to wait while the database is away; it restarts in less. */
const RETRY_AFTER_MS = 1_000;

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** The driver gives these no code. */
const NETWORK_MESSAGES =
  /^(timeout exceeded when trying to connect|timeout expired|Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|Cannot use a pool after calling end|driver has already been destroyed)/;

/**
 * Connection failures (08), want of connections, memory or disk (53), shutdown and crash recovery (57P01–57P05),
 * an idle transaction that was cut (25P03), a server that became a standby (25006).
 */
const UNAVAILABLE_STATES = /^(08...|53...|57P0[1-5]|25P03|25006)$/;

/** The SQLSTATE of an error that Postgres answered; undefined for any other. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^[0-9A-Z]{5}$/.test(error.code) && !NETWORK_CODES.has(error.code) ? error.code : undefined;
}

/** True when the transaction lost against another one and may win if it is run again. */
export function isConflict(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '40001' || state === '40P01';
}

/** True when the connection can't be used any more, or nobody knows. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined ? isNetworkError(error) : /^(08...|57P0[1-5]|25P03)$/.test(state);
}

/**
 * What a caller is told, for the errors that are no fault of ours:
 * `unavailable` DATABASE_UNAVAILABLE, `aborted` DATABASE_CONFLICT or DATABASE_LOCK_TIMEOUT, `deadline-exceeded`
 * DATABASE_TIMEOUT, each with its cause. Any other error is returned as it is.
 */
export function toDomainError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  const state = sqlStateOf(error);
  if (state === undefined ? isNetworkError(error) : UNAVAILABLE_STATES.test(state)) {
    return new DomainError('The database is not available now.', {
      kind: 'unavailable',
      reason: 'DATABASE_UNAVAILABLE',
      retryAfterMs: RETRY_AFTER_MS,
      cause: error,
    });
  }
  if (isConflict(error)) {
    return new DomainError('Others changed the same rows at the same time.', {
      kind: 'aborted',
      reason: 'DATABASE_CONFLICT',
      retryAfterMs: 100,
      cause: error,
    });
  }
  if (state === '55P03') {
    return new DomainError('Others hold the same rows for too long.', {
      kind: 'aborted',
      reason: 'DATABASE_LOCK_TIMEOUT',
      retryAfterMs: RETRY_AFTER_MS,
      cause: error,
    });
  }
  if (state === '57014') {
    return new DomainError('The database took too long to answer.', {
      kind: 'deadline-exceeded',
      reason: 'DATABASE_TIMEOUT',
      cause: error,
    });
  }
  return error;
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string' && NETWORK_CODES.has(error.code)) return true;
  return NETWORK_MESSAGES.test(error.message);
}
