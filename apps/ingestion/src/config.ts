import { endpointSettings } from '@parley/outbound';
import type { EndpointAllowance } from '@parley/outbound';
import type { ServiceConfig } from '@parley/service';
import { z } from 'zod';

/** Those that compute anything from the log, or will. */
export const erasureServices = ['metrics', 'optimizer', 'experiment'];

/** What the process needs besides what every service's process needs. */
export const ingestionSettings = {
  PARLEY_OPERATOR_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{32,1000}$/, 'must have 32 to 1,000 characters of ASCII, without spaces')
    .describe("The operator's key"),
  ...endpointSettings,
  PARLEY_ERASURE_SERVICES: z
    .string()
    .default(erasureServices.join(','))
    .transform((text) => text.split(',').filter((service) => service !== ''))
    .pipe(z.array(z.string().regex(/^[a-z][a-z-]*$/)))
    .describe('The services that must confirm an erasure before it is complete, separated by commas'),
  PARLEY_FAILPOINT: z.string().optional().describe('For tests: where the process kills itself'),
};

/** How the service is composed, whoever starts it. */
export interface IngestionConfig extends ServiceConfig {
  readonly operatorKey: string;
  /** Where tenants' own models may be besides the public internet; nowhere unless told. */
  readonly modelEndpoints?: EndpointAllowance;
  /** Those that must confirm an erasure; `erasureServices` unless told. */
  readonly erasureServices?: readonly string[];
  /** For tests: where the process kills itself; see `armFailpoint`. */
  readonly failpoint: string | undefined;
}
