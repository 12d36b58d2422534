import { Code, type ConnectError } from '@connectrpc/connect';
import { errorInfo } from './connect-error.ts';

/**
 * Completes, in place, an error that the RPC library made itself: bytes that can't be parsed are the caller's fault
 * (INVALID_ARGUMENT, where the library says INTERNAL), and every error gets an `ErrorInfo`. In place, because the
 * library has no hook between its decoding and the writing of the status; see `request-gate.ts`.
 */
export function explainWireError(error: ConnectError): void {
  if (error.code === Code.Internal && callersFaults.some((text) => error.rawMessage.startsWith(text))) {
    Object.assign(error, { code: Code.InvalidArgument });
  }
  const reason = reasons.get(error.code);
  if (error.details.length === 0 && reason !== undefined) {
    error.details.push(errorInfo(reason));
  }
}

/** How the texts begin that the library says INTERNAL to, though the caller sent what can't be read. */
const callersFaults = ['parse binary: ', 'received compressed envelope, but do not know how to decompress'];

const reasons: ReadonlyMap<Code, string> = new Map([
  [Code.Canceled, 'CANCELED'],
  [Code.InvalidArgument, 'MALFORMED_REQUEST'],
  [Code.DeadlineExceeded, 'DEADLINE_EXCEEDED'],
  [Code.ResourceExhausted, 'MESSAGE_TOO_LARGE'],
  [Code.Unimplemented, 'UNIMPLEMENTED'],
  [Code.Unavailable, 'SHUTTING_DOWN'],
]);
