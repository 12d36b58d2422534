import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { DomainError } from '@parley/errors';

/** Answers that a service, but for the methods that are `served`, is not there yet, rather than pretending. */
export function addUnimplementedRoutes(
  router: ConnectRouter,
  service: DescService,
  served: readonly DescMethod[] = [],
): void {
  for (const method of service.methods) {
    if (served.includes(method)) continue;
    const refuse = () => {
      throw notImplemented(method);
    };
    if (isUnary(method)) router.rpc(method, refuse);
    if (isServerStreaming(method)) router.rpc(method, refuse);
  }
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === 'server_streaming';
}

/** What a caller of a method that is to come is told. */
export function notImplemented({ name }: DescMethod): DomainError {
  return new DomainError(`${name} is not implemented yet: it comes with a later release.`, {
    kind: 'unimplemented',
    reason: 'NOT_IMPLEMENTED',
    facts: { method: name },
  });
}
