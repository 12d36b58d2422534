import type { Caller, CallerKind, Scope } from '@parley/access';
import { DomainError } from '@parley/errors';

/** Who may call a method, and how large its messages may be. */
export interface MethodAccess {
  /** The kinds of callers that are let in; empty means anybody, without a credential. */
  readonly callers: readonly CallerKind[];
  /** A tenant's key must carry one of these, or `admin`; absent means that any key of a tenant will do. */
  readonly scopes?: readonly Scope[];
  /**
   * Whether the call is for one tenant. `required`: the operator must name it. `none`: the operator must not.
   * Services name tenants inside their messages, so it does not concern them.
   */
  readonly tenant: 'required' | 'optional' | 'none';
  /** Whether the call counts against the calls, events and bytes that its tenant may send. */
  readonly isMetered?: boolean;
  /** Whether the call reads, so that a tenant may make only so many at a time. Streams are bounded whatever they do. */
  readonly isQuery?: boolean;
  /** The largest message in bytes, where it is not the server's `maxMessageBytes`. */
  readonly maxMessageBytes?: number;
}

/**
 * Access by full method name (`parley.metrics.v1.MetricsService/GetDashboard`) or, for what is not named so, by
 * service name. A method without an entry is not served: the server refuses to start.
 */
export type AccessPolicy = Readonly<Record<string, MethodAccess>>;

/** Open to anybody: health and reflection. */
export const publicAccess: MethodAccess = { callers: [], tenant: 'none' };

/** @throws DomainError when this caller may not call a method with this access. */
export function authorize(access: MethodAccess, caller: Caller): void {
  if (!access.callers.includes(caller.kind)) {
    throw denied('CALLER_NOT_ALLOWED', `This method is not for ${callerNames[caller.kind]}.`);
  }
  if (caller.kind === 'tenant') {
    const allowed = access.scopes;
    if (
      allowed !== undefined &&
      !caller.scopes.some((scope) => scope === 'admin' || allowed.includes(scope))
    ) {
      throw denied('SCOPE_MISSING', `This method needs a key with the scope ${allowed.join(' or ')}.`);
    }
  }
  if (caller.kind === 'operator') {
    if (access.tenant === 'required' && caller.tenant === undefined) {
      throw new DomainError('The operator must name the tenant in the parley-tenant header.', {
        kind: 'invalid-argument',
        reason: 'TENANT_NOT_NAMED',
      });
    }
    if (access.tenant === 'none' && caller.tenant !== undefined) {
      throw new DomainError('This method is not about one tenant; leave the parley-tenant header out.', {
        kind: 'invalid-argument',
        reason: 'TENANT_NOT_EXPECTED',
      });
    }
  }
}

const callerNames = {
  tenant: 'keys of tenants',
  operator: "the operator's key",
  service: 'services',
} as const;

function denied(reason: string, message: string): DomainError {
  return new DomainError(message, { kind: 'permission-denied', reason });
}
