import type { ConnectRouter } from '@connectrpc/connect';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import type { DescMethod, DescMethodUnary } from '@bufbuild/protobuf';
import { DomainError } from '@parley/errors';

/** Answers that consent, retention and erasure are not there yet, rather than pretending. */
export function addPrivacyRoutes(router: ConnectRouter): void {
  for (const method of PrivacyService.methods) {
    if (!isUnary(method)) continue;
    router.rpc(method, () => {
      throw new DomainError(
        `${method.name} is not implemented yet: consent, retention and erasure come with a later release.`,
        { kind: 'unimplemented', reason: 'NOT_IMPLEMENTED', facts: { method: method.name } },
      );
    });
  }
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}
