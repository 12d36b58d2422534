import type { Caller, Tenant } from '@parley/access';
import { createContextKey, type ContextValues } from '@connectrpc/connect';
import type { CallLease } from './call-lease.ts';
import type { MethodAccess } from './access-policy.ts';

/** What the edge knows of a call before anything of it is read. */
export interface CallFacts {
  readonly requestId: string;
  /** `service/Method`. */
  readonly methodName: string;
  readonly access: MethodAccess;
  /** Whether either side sends more than one message. */
  readonly isStream: boolean;
  readonly isStreamOfRequests: boolean;
  /** Whether messages come compressed, so that it isn't known how large they are until they are decoded. */
  readonly isCompressed: boolean;
  /** How large the request's body says it is. */
  readonly announcedBytes: number | undefined;
  readonly remoteAddress: string;
  readonly startedAt: number;
  readonly lease: CallLease;
}

interface WithValues {
  readonly values: ContextValues;
}

/** @internal */
export const factsKey = createContextKey<CallFacts | undefined>(undefined, { description: 'call facts' });
/** @internal */
export const callerKey = createContextKey<Caller | undefined>(undefined, { description: 'caller' });

/** @internal */
export const readmitKey = createContextKey<(() => Promise<void>) | undefined>(undefined, {
  description: 'readmission',
});

/** @internal */
export const spendKey = createContextKey<((events: number, bytes: number) => void) | undefined>(undefined, {
  description: 'quota',
});

/**
 * Counts events that the caller's tenant sends, all or none; where the method is not metered it counts nothing. Their
 * bytes count here only where they could not be counted before they were decoded.
 * @throws DomainError `resource-exhausted` with the time to wait when it may not send more now.
 */
export function spend({ values }: WithValues, events: number, bytes: number): void {
  values.get(spendKey)?.(events, bytes);
}

/**
 * Asks once more whether the caller may call, for streams that outlive a key.
 * @throws DomainError `unauthenticated` once the credential is revoked or expired.
 */
export async function readmit({ values }: WithValues): Promise<void> {
  await values.get(readmitKey)?.();
}

/** Who calls. @throws Error in a public method, which knows no caller. */
export function callerOf({ values }: WithValues): Caller {
  const caller = values.get(callerKey);
  if (caller === undefined) {
    throw new Error('This method has no caller; its access policy is public.');
  }
  return caller;
}

/** The tenant that the call is for. @throws Error where the access policy does not say `tenant: 'required'`. */
export function tenantOf(context: WithValues): Tenant {
  const tenant = findTenantOf(context);
  if (tenant === undefined) {
    throw new Error("This call is for no tenant; its access policy must say tenant: 'required'.");
  }
  return tenant;
}

/** The tenant that the call is for, if it is for one. */
export function findTenantOf(context: WithValues): Tenant | undefined {
  const caller = callerOf(context);
  return caller.kind === 'service' ? undefined : caller.tenant;
}

/** The id under which this call stands in the log and in its answer's `x-request-id`. */
export function requestIdOf({ values }: WithValues): string {
  return values.get(factsKey)?.requestId ?? 'none';
}

/** @internal Who holds what the call uses up: a tenant whoever acts for it, the operator, or a service. */
export function holderOf(caller: Caller): string {
  switch (caller.kind) {
    case 'tenant':
      return `tenant:${caller.tenant.tenantId}`;
    case 'operator':
      return caller.tenant === undefined ? 'operator' : `tenant:${caller.tenant.tenantId}`;
    case 'service':
      return `service:${caller.name}`;
  }
}
