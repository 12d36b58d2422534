import type { ServiceConfig } from '@parley/service';
import { z } from 'zod';

/** What the process needs besides what every service's process needs. */
export const ingestionSettings = {
  PARLEY_OPERATOR_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,1000}$/, 'must have 32 to 1,000 characters of ASCII, without spaces')
    .describe("The operator's key"),
  PARLEY_FAILPOINT: z.string().optional().describe('For tests: where the process kills itself'),
};

/** How the service is composed, whoever starts it. */
export interface IngestionConfig extends ServiceConfig {
  readonly operatorKey: string;
  /** For tests: where the process kills itself; see `armFailpoint`. */
  readonly failpoint: string | undefined;
}
