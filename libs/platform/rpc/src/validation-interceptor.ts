import type { Interceptor } from '@connectrpc/connect';
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { invalidArgument } from '@parley/errors';
import { mapStream } from './map-stream.ts';
import type { MessageValidator } from './message-validator.ts';

/** Refuses a request, or the next message of a stream of them, that breaks a rule of its contract. */
export function createValidationInterceptor(validator: MessageValidator): Interceptor {
  function assertValid(schema: DescMessage, message: Message): void {
    const violations = validator.validate(schema, message);
    if (violations.length > 0) {
      throw invalidArgument(violations);
    }
  }
  return (next) => async (request) => {
    if (!request.stream) {
      assertValid(request.method.input, request.message);
      return next(request);
    }
    const { input } = request.method;
    return next({
      ...request,
      message: mapStream(request.message, { onValue: (m) => assertValid(input, m) }),
    });
  };
}
