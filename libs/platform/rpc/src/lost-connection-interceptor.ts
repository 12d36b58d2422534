import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { errorInfo } from './connect-error.ts';
import { mapStream } from './map-stream.ts';

/**
 * Says UNAVAILABLE where the server could not be reached, or was lost in the middle of a call. The library says CANCELED
 * or ABORTED for the one, which callers would take for a cancel of their own or an answer, and INTERNAL for much of the
 * other, such as no route to the host or a TLS handshake that failed.
 */
export const lostConnectionInterceptor: Interceptor = (next) => async (request) => {
  const told = (error: unknown): unknown =>
    error instanceof ConnectError && !error.isWireError && !request.signal.aborted && isOfConnection(error)
      ? new ConnectError(
          'The server could not be reached.',
          Code.Unavailable,
          undefined,
          [errorInfo('NO_CONNECTION')],
          error,
        )
      : error;
  try {
    const response = await next(request);
    return response.stream
      ? { ...response, message: mapStream(response.message, { onError: told }) }
      : response;
  } catch (error) {
    throw told(error);
  }
};

function isOfConnection({ code, cause }: ConnectError): boolean {
  switch (code) {
    case Code.Canceled:
    case Code.Aborted:
      return true;
    case Code.Internal:
      // Errors of Node itself have a code, such as EHOSTUNREACH or ERR_SSL_….
      return cause instanceof Error && 'code' in cause && typeof cause.code === 'string';
    default:
      return false;
  }
}
