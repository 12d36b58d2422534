import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type { AccessPolicy } from '@parley/rpc';

/** Who may call what. */
export const metricsAccess: AccessPolicy = {
  [MetricsService.typeName]: {
    callers: ['tenant', 'operator'],
    scopes: ['read'],
    tenant: 'required',
    isQuery: true,
  },
};
