import { z } from 'zod';

/** What an operator allows beside the public internet and the usual certificates, by names of the environment. */
export const endpointSettings = {
  PARLEY_ENDPOINT_PRIVATE_RANGES: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((range) => range !== ''))
    .pipe(z.array(z.union([z.cidrv4(), z.cidrv6()])))
    .describe(
      'Private ranges in which tenants’ own models and webhooks may be, such as 10.1.0.0/16, separated by commas',
    ),
  PARLEY_ENDPOINT_CA: z
    .string()
    .optional()
    .describe('Certificates, as PEM, that tenants’ own models and webhooks may show besides the usual ones'),
};

/** The same, as services are composed with it. */
export interface EndpointAllowance {
  readonly privateRanges: readonly string[];
  /** Trusted besides the usual certificates, as PEM. */
  readonly ca: string | undefined;
}
