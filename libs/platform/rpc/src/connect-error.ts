import { Code, ConnectError } from '@connectrpc/connect';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '@parley/contracts/google/rpc/error_details';
import { DomainError, type ErrorKind } from '@parley/errors';

/** The Connect code of each kind of error. */
export const codeByKind: Readonly<Record<ErrorKind, Code>> = {
  'invalid-argument': Code.InvalidArgument,
  'out-of-range': Code.OutOfRange,
  'not-found': Code.NotFound,
  'already-exists': Code.AlreadyExists,
  'failed-precondition': Code.FailedPrecondition,
  aborted: Code.Aborted,
  unauthenticated: Code.Unauthenticated,
  'permission-denied': Code.PermissionDenied,
  'resource-exhausted': Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  'deadline-exceeded': Code.DeadlineExceeded,
  unimplemented: Code.Unimplemented,
};

/** The `domain` of every `google.rpc.ErrorInfo` of ours. */
export const errorDomain = 'parley';

interface Detail {
  readonly desc: DescMessage;
  readonly value: MessageInitShape<DescMessage>;
}

function detail<Desc extends DescMessage>(desc: Desc, value: MessageInitShape<Desc>): Detail {
  return { desc, value };
}

/** An `ErrorInfo`, which every error of ours carries. */
export function errorInfo(reason: string, metadata: Readonly<Record<string, string>> = {}): Detail {
  return detail(ErrorInfoSchema, { reason, domain: errorDomain, metadata: { ...metadata } });
}

/** A `RetryInfo` that asks the caller to wait. */
export function retryInfo(retryAfterMs: number): Detail {
  const nanos = Math.round((retryAfterMs % 1000) * 1e6);
  return detail(RetryInfoSchema, { retryDelay: { seconds: BigInt(Math.floor(retryAfterMs / 1000)), nanos } });
}

/**
 * What a caller is told of an error. A DomainError keeps its text, reason, facts, violations and time to wait; a
 * ConnectError stays; anything else becomes INTERNAL with a fixed text and the request id, the error itself as cause.
 */
export function toConnectError(error: unknown, requestId: string): ConnectError {
  if (error instanceof ConnectError) {
    // What another service told us is between it and us, unless it says that it can't be reached now.
    return error.isWireError && !passedOn.has(error.code) ? internalError(error, requestId) : error;
  }
  if (!(error instanceof DomainError)) {
    return internalError(error, requestId);
  }
  const { kind, message, reason, facts, violations, quotas, retryAfterMs } = error;
  const details = [errorInfo(reason, facts)];
  if (violations.length > 0) {
    details.push(
      detail(BadRequestSchema, {
        fieldViolations: violations.map(({ field, description, reason: rule = '' }) => ({
          field,
          description,
          reason: rule,
        })),
      }),
    );
  }
  if (quotas.length > 0) {
    details.push(detail(QuotaFailureSchema, { violations: [...quotas] }));
  }
  if (retryAfterMs !== undefined) {
    details.push(retryInfo(retryAfterMs));
  }
  return new ConnectError(message, codeByKind[kind], undefined, details, error);
}

const passedOn: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
  Code.Canceled,
]);

function internalError(cause: unknown, requestId: string): ConnectError {
  return new ConnectError(
    `Something went wrong on our side; it was logged under request id ${requestId}.`,
    Code.Internal,
    undefined,
    [errorInfo('INTERNAL', { request_id: requestId })],
    cause,
  );
}
