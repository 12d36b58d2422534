import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import type { Caller, CredentialResolver, FailureLimiter, Tenant } from '@parley/access';
import { DomainError } from '@parley/errors';
import type { Logger } from '@parley/runtime';
import { authorize } from './access-policy.ts';
import { callerKey, factsKey, holderOf, readmitKey, spendKey, type CallFacts } from './call-context.ts';
import { toConnectError } from './connect-error.ts';
import { explainWireError } from './explain-wire-error.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { TenantPlaces } from './tenant-places.ts';
import type { TenantQuota } from './tenant-quota.ts';

export interface GateDependencies {
  readonly resolver: CredentialResolver;
  readonly failures: FailureLimiter;
  readonly rate: RateLimiter;
  readonly quota: TenantQuota;
  readonly places: TenantPlaces;
  readonly logger: Logger;
}

/** What a request may carry besides its credential to say which tenant the operator acts for. */
export const tenantHeader = 'parley-tenant';
export const requestIdHeader = 'x-request-id';

/**
 * Decides about a call before a byte of its body is read: who calls, whether they may, whether there is room.
 * It also hooks the call's end, for every protocol at one place: there the log line is written and what the call held
 * is given back.
 */
export function createRequestGate(
  dependencies: GateDependencies,
): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const facts = context.values.get(factsKey);
    if (facts === undefined) {
      throw new Error('The call came by another way than the request handler.');
    }
    hookEnd(context, facts, dependencies.logger);
    context.responseHeader.set(requestIdHeader, facts.requestId);
    try {
      const caller = await admit(context, facts, dependencies);
      context.values.set(callerKey, caller);
      context.values.set(readmitKey, async () => {
        await admit(context, facts, dependencies);
      });
      const holder = caller === undefined ? `public:${facts.remoteAddress}` : holderOf(caller);
      dependencies.rate.count(holder);
      const tenant = caller === undefined || caller.kind === 'service' ? undefined : caller.tenant;
      if (facts.access.isMetered === true && tenant !== undefined) {
        meter(context, facts, tenant, dependencies.quota);
      }
      facts.lease.open(holder);
      const place = facts.isStream ? 'streams' : facts.access.isQuery === true ? 'queries' : undefined;
      if (place !== undefined && tenant !== undefined) {
        facts.lease.keep(await dependencies.places.take(tenant, place, context.signal));
      }
    } catch (error) {
      throw toConnectError(error, facts.requestId);
    }
  };
}

/**
 * What a call brings is known once it is read, so the first one beyond a limit is refused unread; a stream waits. The
 * bytes of a unary call count before it is decoded: by what it announces, else when all of it has come.
 */
function meter(context: HandlerContext, facts: CallFacts, tenant: Tenant, quota: TenantQuota): void {
  const { isStreamOfRequests, isCompressed, announcedBytes, lease } = facts;
  const isCountedBefore = !isStreamOfRequests && !isCompressed;
  quota.require(tenant, 'calls');
  if (!isStreamOfRequests) for (const what of ['bytes', 'events'] as const) quota.require(tenant, what);
  quota.spend(tenant, 'calls', 1);
  if (isCountedBefore && announcedBytes !== undefined) quota.spend(tenant, 'bytes', announcedBytes);
  else if (isCountedBefore) {
    lease.chargeBy((bytes) => {
      quota.require(tenant, 'bytes');
      quota.spend(tenant, 'bytes', bytes);
    });
  }
  context.values.set(spendKey, (events, bytes) => {
    quota.require(tenant, 'events');
    if (!isCountedBefore) quota.require(tenant, 'bytes');
    quota.spend(tenant, 'events', events);
    if (!isCountedBefore) quota.spend(tenant, 'bytes', bytes);
  });
}

async function admit(
  context: HandlerContext,
  { access, remoteAddress }: CallFacts,
  { resolver, failures }: GateDependencies,
): Promise<Caller | undefined> {
  if (access.callers.length === 0) {
    return undefined;
  }
  const credential = credentialIn(context.requestHeader);
  const tenantName = context.requestHeader.get(tenantHeader) ?? undefined;
  // A caller who was let in a moment ago is let in again even if others behind the same address keep failing.
  let caller = resolver.known?.(credential, tenantName);
  if (caller === undefined) {
    failures.check(remoteAddress);
    caller = await resolver.resolve(credential, tenantName, context.signal);
  }
  if (caller === undefined) {
    failures.failed(remoteAddress);
    throw unauthenticated('INVALID_CREDENTIAL', 'The credential is unknown, revoked or expired.');
  }
  authorize(access, caller);
  return caller;
}

function credentialIn(header: Headers): string {
  const value = header.get('authorization');
  if (value === null) {
    throw unauthenticated('CREDENTIAL_MISSING', 'Send a key in the header "authorization: Bearer <key>".');
  }
  // Longer ones can't be ours, and would only cost hashing.
  const credential = /^bearer ([\x21-\x7e]{1,1000})$/i.exec(value)?.[1];
  if (credential === undefined) {
    throw unauthenticated('CREDENTIAL_MALFORMED', 'The authorization header must read "Bearer <key>".');
  }
  return credential;
}

function unauthenticated(reason: string, message: string): DomainError {
  return new DomainError(message, { kind: 'unauthenticated', reason });
}

/** Why a call's signal is aborted when all went well; without a reason, an exception would be made for each call. */
const over = new ConnectError('The call is over.', Code.Canceled);

/**
 * The library aborts the context exactly when a call ends, with its error if it has one, and before it writes the
 * status. This is the only place that sees errors of decoding, which no interceptor does.
 */
function hookEnd(context: HandlerContext, facts: CallFacts, logger: Logger): void {
  if (!('abort' in context) || typeof context.abort !== 'function') {
    throw new Error('The handler context has no abort: the RPC library changed.');
  }
  const abort: unknown = context.abort;
  let hasEnded = false;
  let hasFailed = false;
  const onEnd = (reason?: unknown): void => {
    facts.lease.release();
    // An answer that can't be encoded ends twice: without a reason, then with it.
    if (reason !== undefined && !hasFailed) {
      hasFailed = true;
      if (reason instanceof ConnectError) {
        explainWireError(reason);
      }
      logEnd(context, facts, reason, logger);
    } else if (!hasEnded) {
      logEnd(context, facts, undefined, logger);
    }
    hasEnded = true;
    if (typeof abort === 'function') {
      Reflect.apply(abort, context, [reason ?? over]);
    }
  };
  Object.assign(context, { abort: onEnd });
}

function nameOf(caller: Caller | undefined): string {
  return caller === undefined ? 'nobody' : holderOf(caller);
}

const faults: ReadonlySet<Code> = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

function logEnd(context: HandlerContext, facts: CallFacts, reason: unknown, logger: Logger): void {
  const line = {
    method: facts.methodName,
    protocol: context.protocolName,
    ms: Math.round((performance.now() - facts.startedAt) * 10) / 10,
    caller: nameOf(context.values.get(callerKey)),
  };
  if (reason === undefined) {
    logger.debug({ ...line, code: 'ok' }, 'call');
    return;
  }
  const error = ConnectError.from(reason);
  if (faults.has(error.code)) {
    logger.error({ ...line, code: Code[error.code], error: error.cause ?? reason }, 'call failed');
  } else {
    logger.debug({ ...line, code: Code[error.code], message: error.rawMessage }, 'call');
  }
}
