import type { ServiceImpl } from '@connectrpc/connect';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type Health,
} from '@parley/contracts/grpc/health/v1/health';
import { DomainError } from '@parley/errors';
import type { HealthRegistry, HealthStatus } from './health-registry.ts';

/** `grpc.health.v1.Health` over a registry. */
export function createHealthService(health: HealthRegistry): ServiceImpl<typeof Health> {
  return {
    check({ service }) {
      const status = health.get(service);
      if (status === undefined) {
        throw new DomainError(`There is no service named ${JSON.stringify(service)}.`, {
          kind: 'not-found',
          reason: 'SERVICE_NOT_FOUND',
        });
      }
      return { status: toMessage(status) };
    },
    list() {
      return {
        statuses: Object.fromEntries(
          [...health.list()].map(([service, status]) => [service, { status: toMessage(status) }]),
        ),
      };
    },
    async *watch({ service }, { signal }) {
      let wake = Promise.withResolvers<void>();
      const stopListening = health.onChange(() => wake.resolve());
      signal.addEventListener('abort', () => wake.resolve(), { once: true });
      let sent: ServingStatus | undefined;
      try {
        while (!signal.aborted) {
          // Before the status is read, so that a change after that is not missed.
          wake = Promise.withResolvers();
          const status = toMessage(health.get(service));
          if (status !== sent) {
            sent = status;
            yield { status };
          }
          await wake.promise;
        }
      } finally {
        stopListening();
      }
    },
  };
}

function toMessage(status: HealthStatus | undefined): ServingStatus {
  switch (status) {
    case undefined:
      return ServingStatus.SERVICE_UNKNOWN;
    case 'serving':
      return ServingStatus.SERVING;
    case 'not-serving':
      return ServingStatus.NOT_SERVING;
  }
}
