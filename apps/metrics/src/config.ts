import type { Failpoint } from '@parley/projection';
import { peerSettings } from '@parley/service';
import { z } from 'zod';

const failpoints: readonly Failpoint[] = ['projection:read', 'projection:folded', 'projection:written'];

/** What the process needs besides what every process needs. */
export const metricsSettings = {
  ...peerSettings,
  PARLEY_FAILPOINT: z.enum(failpoints).optional().describe('For tests: where the process kills itself'),
};
