import type { Failpoint } from '@parley/projection';
import { databaseUrl, peerSettings } from '@parley/service';
import { z } from 'zod';

const failpoints: readonly Failpoint[] = ['projection:read', 'projection:folded', 'projection:written'];

/** What the process needs besides what every process needs. */
export const metricsSettings = {
  ...peerSettings,
  PARLEY_READ_DATABASE_URL: databaseUrl
    .optional()
    .describe('A streaming replica of the Postgres, which answers reports as long as it keeps up'),
  PARLEY_FAILPOINT: z.enum(failpoints).optional().describe('For tests: where the process kills itself'),
};
