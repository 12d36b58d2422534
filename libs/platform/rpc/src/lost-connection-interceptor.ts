import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { errorInfo } from './connect-error.ts';
import { mapStream } from './map-stream.ts';

/**
 * Says UNAVAILABLE where the connection was lost in the middle of a call. The library says CANCELED or ABORTED then,
 * which callers would take for a cancel of their own, or an answer.
 */
export const lostConnectionInterceptor: Interceptor = (next) => async (request) => {
  const told = (error: unknown): unknown => {
    const isLost =
      error instanceof ConnectError &&
      !error.isWireError &&
      !request.signal.aborted &&
      (error.code === Code.Canceled || error.code === Code.Aborted);
    return isLost
      ? new ConnectError(
          'The connection was lost.',
          Code.Unavailable,
          undefined,
          [errorInfo('CONNECTION_LOST')],
          error,
        )
      : error;
  };
  try {
    const response = await next(request);
    return response.stream
      ? { ...response, message: mapStream(response.message, { onError: told }) }
      : response;
  } catch (error) {
    throw told(error);
  }
};
