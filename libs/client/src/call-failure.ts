/** What is to be done about a call that failed. */
export type Remedy =
  /** It will pass: soon again, with growing pauses. */
  | 'retry'
  /** The key, its rights or the address are wrong: somebody must act, so again now and then, and nothing is lost meanwhile. */
  | 'wait'
  /** The request itself is refused and would be again. */
  | 'refuse';

/** Why a batch could not be delivered. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  /** By gRPC's numbers. */
  readonly code: number;
  /** How long the service asks to wait, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { code: number; retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.retryAfterMs = options.retryAfterMs;
  }

  get remedy(): Remedy {
    switch (this.code) {
      case 3: // INVALID_ARGUMENT
      case 6: // ALREADY_EXISTS
      case 9: // FAILED_PRECONDITION
      case 11: // OUT_OF_RANGE
        return 'refuse';
      case 5: // NOT_FOUND
      case 7: // PERMISSION_DENIED
      case 12: // UNIMPLEMENTED
      case 16: // UNAUTHENTICATED
        return 'wait';
      default:
        return 'retry';
    }
  }
}
