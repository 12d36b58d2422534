import type { TenantLimits } from './tenant-limits.ts';

/** What a tenant's key may do. `admin` is everything inside the tenant. */
export const scopes = ['ingest', 'read', 'experiment', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** What a service needs to know of a tenant to answer it. */
export interface Tenant {
  /** A UUID. */
  readonly tenantId: string;
  readonly name: string;
  /** The partition of the log in which the tenant's events are. */
  readonly partition: number;
  /** IANA name. */
  readonly timeZone: string;
  /** ISO 4217 code. */
  readonly currency: string;
  /** What it may use, where that is not the default. */
  readonly limits?: Partial<TenantLimits>;
}

/** Who calls. */
export type Caller =
  | {
      readonly kind: 'tenant';
      readonly tenant: Tenant;
      readonly keyId: string;
      readonly scopes: readonly Scope[];
      /** From when on the key is valid no more. */
      readonly expiresAt?: Date;
    }
  /** Belongs to no tenant; acts for the one that it named, if it did. */
  | { readonly kind: 'operator'; readonly tenant?: Tenant }
  /** Another service of ours; names tenants inside its messages. */
  | { readonly kind: 'service'; readonly name: string };

export type CallerKind = Caller['kind'];
