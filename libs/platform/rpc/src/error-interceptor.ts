import type { Interceptor } from '@connectrpc/connect';
import { ConnectError } from '@connectrpc/connect';
import { requestIdOf } from './call-context.ts';
import { toConnectError } from './connect-error.ts';
import { mapStream } from './map-stream.ts';

/** Turns whatever a handler throws, also in the middle of a stream, into what the caller is told. */
export const errorInterceptor: Interceptor = (next) => async (request) => {
  const requestId = requestIdOf({ values: request.contextValues });
  const told = (error: unknown): ConnectError => {
    if (request.signal.aborted && isAbort(error, request.signal.reason)) {
      return ConnectError.from(request.signal.reason);
    }
    return toConnectError(error, requestId);
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

/** Whether a handler failed because it was told to stop. */
function isAbort(error: unknown, reason: unknown): boolean {
  return error === reason || (error instanceof Error && error.name === 'AbortError');
}
