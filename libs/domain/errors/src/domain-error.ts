/** What kind of thing went wrong; each kind has exactly one Connect code (see @parley/rpc). */
export type ErrorKind =
  | 'invalid-argument'
  | 'out-of-range'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'aborted'
  | 'unauthenticated'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'unimplemented';

/** One field of a request that breaks a rule. */
export interface FieldViolation {
  /** Path as written in the proto: `events[3].interaction.bot_id`. */
  readonly field: string;
  /** What the rule asks for, as a sentence fragment: `must be at least 1 character`. */
  readonly description: string;
  /** The rule's id, UPPER_SNAKE_CASE, where it has one. */
  readonly reason?: string;
}

/** A limit that was reached. */
export interface QuotaViolation {
  /** Whose limit: `tenant:acme`. */
  readonly subject: string;
  /** What it allows, for a person. */
  readonly description: string;
}

export interface DomainErrorOptions {
  readonly kind: ErrorKind;
  /** Machine-readable cause, UPPER_SNAKE_CASE, stable across releases. */
  readonly reason: string;
  /** Facts that a caller may show or act on; never secrets, never another tenant's data. */
  readonly facts?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** The limits that were reached. */
  readonly quotas?: readonly QuotaViolation[];
  /** How long to wait before the same call can succeed. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A broken rule that the caller is told about. Everything else that is thrown is a fault of ours. */
export class DomainError extends Error {
  readonly kind: ErrorKind;
  readonly reason: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly quotas: readonly QuotaViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: DomainErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DomainError';
    this.kind = options.kind;
    this.reason = options.reason;
    this.facts = options.facts ?? {};
    this.violations = options.violations ?? [];
    this.quotas = options.quotas ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The fields that were refused, as one error. */
export function invalidArgument(
  violations: readonly FieldViolation[],
  reason = 'INVALID_FIELDS',
): DomainError {
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new DomainError(message, { kind: 'invalid-argument', reason, violations });
}
