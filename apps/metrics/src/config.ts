import { endpointSettings } from '@parley/outbound';
import type { Failpoint } from '@parley/projection';
import { databaseUrl, peerSettings } from '@parley/service';
import { z } from 'zod';
import type { DeliveryFailpoint } from './use-cases/alert-delivery.ts';
import type { AlertFailpoint } from './use-cases/alert-round.ts';

/** Where tests end the process. */
export type MetricsFailpoint = Failpoint | AlertFailpoint | DeliveryFailpoint;

const failpoints: readonly MetricsFailpoint[] = [
  'projection:read',
  'projection:folded',
  'projection:written',
  'alerts:read',
  'alerts:written',
  'alerts:committed',
  'webhook:held',
  'webhook:posted',
  'webhook:noted',
];

/** What the process needs besides what every process needs. */
export const metricsSettings = {
  ...peerSettings,
  ...endpointSettings,
  PARLEY_READ_DATABASE_URL: databaseUrl
    .optional()
    .describe('A streaming replica of the Postgres, which answers reports as long as it keeps up'),
  PARLEY_FAILPOINT: z.enum(failpoints).optional().describe('For tests: where the process kills itself'),
};
