import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { limitOf, scopes as scopeNames } from '@parley/access';
import type { Scope as ScopeName, TenantLimits as Limits } from '@parley/access';
import { parseTimeZone } from '@parley/calendar';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import {
  ApiKeySchema,
  TenantLimitsSchema,
  TenantSchema,
} from '@parley/contracts/parley/ingestion/v1/tenant_service';
import type {
  ApiKey,
  Tenant,
  TenantLimits,
  TenantService,
} from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { invalidArgument } from '@parley/errors';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { ApiKeyRecord, TenantRecord } from '../storage/tenant-store.ts';
import { createApiKey } from '../use-cases/create-api-key.ts';
import { createTenant } from '../use-cases/create-tenant.ts';
import { rotateApiKey } from '../use-cases/rotate-api-key.ts';
import type { TenantDependencies } from '../use-cases/create-tenant.ts';
import { isCurrency } from './event-rules.ts';

export interface TenantRouteDependencies extends TenantDependencies {
  /** Forgets who was resolved, so that a change holds for the next call. */
  readonly forgetCallers: () => void;
}

/** Tenants and their keys. */
export function createTenantRoutes(dependencies: TenantRouteDependencies): ServiceImpl<typeof TenantService> {
  const { tenants, now, forgetCallers } = dependencies;
  return {
    async updateTenantLimits({ limits }, context) {
      if (limits === undefined) throw new Error('Validation lets no request without limits in.');
      const changed = await tenants.updateLimits(tenantOf(context), {
        callsPerSecond: Number(limits.callsPerSecond),
        eventsPerSecond: Number(limits.eventsPerSecond),
        bytesPerSecond: Number(limits.bytesPerSecond),
        streams: limits.streams,
        bots: limits.bots,
        queries: limits.queries,
      });
      forgetCallers();
      return { tenant: toTenant(changed) };
    },

    async createTenant({ name, timeZone, currencyCode }) {
      const created = await createTenant(dependencies, {
        name,
        timeZone: parseTimeZone(timeZone || 'UTC', 'time_zone'),
        currency: parseCurrency(currencyCode || 'USD', 'currency_code'),
      });
      return { tenant: toTenant(created.tenant), key: created.keyText, apiKey: toApiKey(created.key) };
    },

    async getTenant(_request, context) {
      return { tenant: toTenant(await tenants.getTenant(tenantOf(context))) };
    },

    async listTenants({ pageSize, pageToken }) {
      const limit = pageSizeOf(pageSize, { usual: 100 });
      const [afterName = ''] = readPageToken(pageToken, ['tenants'], 1) ?? [];
      const found = await tenants.listTenants({ afterName, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        tenants: page.map(toTenant),
        nextPageToken: last === undefined ? '' : writePageToken(['tenants'], [last.name]),
      };
    },

    async updateTenant({ tenant, updateMask }, context) {
      const paths = updateMask?.paths ?? changeablePaths.filter((path) => valueOf(tenant, path) !== '');
      const foreign = paths.find((path) => !changeablePaths.some((known) => known === path));
      if (foreign !== undefined) {
        throw invalidArgument([
          {
            field: 'update_mask',
            description: `may name time_zone and currency_code; this is ${JSON.stringify(foreign)}`,
            reason: 'FIELD_NOT_CHANGEABLE',
          },
        ]);
      }
      const changed = await tenants.updateTenant(tenantOf(context), {
        ...(paths.includes('time_zone') && {
          timeZone: parseTimeZone(valueOf(tenant, 'time_zone'), 'tenant.time_zone'),
        }),
        ...(paths.includes('currency_code') && {
          currency: parseCurrency(valueOf(tenant, 'currency_code'), 'tenant.currency_code'),
        }),
      });
      forgetCallers();
      return { tenant: toTenant(changed) };
    },

    async createApiKey({ displayName, scopes, expiresAt }, context) {
      const { keyText, key } = await createApiKey(dependencies, tenantOf(context), {
        displayName,
        scopes: scopes.map(toScopeName),
        expiresAt: expiresAt && timestampDate(expiresAt),
      });
      return { key: keyText, apiKey: toApiKey(key) };
    },

    async listApiKeys({ pageSize, pageToken }, context) {
      const tenant = tenantOf(context);
      const filters = ['api keys', tenant.tenantId];
      const limit = pageSizeOf(pageSize, { usual: 100 });
      const cursor = readPageToken(pageToken, filters, 2);
      const after = cursor && { createdAt: readTokenTime(cursor[0]), keyId: cursor[1] ?? '' };
      const found = await tenants.listKeys(tenant, { after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        apiKeys: page.map(toApiKey),
        nextPageToken:
          last === undefined ? '' : writePageToken(filters, [String(last.createdAt.getTime()), last.keyId]),
      };
    },

    async rotateApiKey({ keyId, overlapSeconds }, context) {
      const overlapMs = overlapSeconds === undefined ? undefined : Number(overlapSeconds) * 1000;
      const { keyText, key, replaced } = await rotateApiKey(
        dependencies,
        tenantOf(context),
        keyId,
        overlapMs,
      );
      forgetCallers();
      return { key: keyText, apiKey: toApiKey(key), replacedApiKey: toApiKey(replaced) };
    },

    async revokeApiKey({ keyId }, context) {
      const key = await tenants.revokeKey(tenantOf(context), keyId, now());
      forgetCallers();
      return { apiKey: toApiKey(key) };
    },
  };
}

const changeablePaths = ['time_zone', 'currency_code'] as const;

function valueOf(tenant: Tenant | undefined, path: (typeof changeablePaths)[number]): string {
  return (path === 'time_zone' ? tenant?.timeZone : tenant?.currencyCode) ?? '';
}

function parseCurrency(code: string, field: string): string {
  if (!isCurrency(code)) {
    throw invalidArgument([
      {
        field,
        description: `must be a currency of ISO 4217; this is ${JSON.stringify(code)}`,
        reason: 'CURRENCY_UNKNOWN',
      },
    ]);
  }
  return code;
}

const scopeNumbers: Readonly<Record<ScopeName, Scope>> = {
  ingest: Scope.INGEST,
  read: Scope.READ,
  experiment: Scope.EXPERIMENT,
  admin: Scope.ADMIN,
};

/** The contract's number of a scope. */
export function toScope(name: ScopeName): Scope {
  return scopeNumbers[name];
}

function toScopeName(scope: Scope): ScopeName {
  const name = scopeNames.find((known) => scopeNumbers[known] === scope);
  if (name === undefined) throw new RangeError(`Validation lets no scope ${scope} in.`);
  return name;
}

function toTenant(record: TenantRecord): Tenant {
  const { tenantId, name, timeZone, currency, partition, createdAt, limits } = record;
  return create(TenantSchema, {
    tenantId,
    name,
    timeZone,
    currencyCode: currency,
    partition,
    createdAt: timestampFromDate(createdAt),
    limits: toLimits((name) => limits?.[name] ?? 0),
    effectiveLimits: toLimits((name) => limitOf({ ...(limits && { limits }) }, name)),
  });
}

function toLimits(limit: (name: keyof Limits) => number): TenantLimits {
  return create(TenantLimitsSchema, {
    callsPerSecond: BigInt(limit('callsPerSecond')),
    eventsPerSecond: BigInt(limit('eventsPerSecond')),
    bytesPerSecond: BigInt(limit('bytesPerSecond')),
    streams: limit('streams'),
    bots: limit('bots'),
    queries: limit('queries'),
  });
}

function toApiKey(record: ApiKeyRecord): ApiKey {
  const { keyId, displayName, scopes, createdAt, revokedAt, lastUsedAt, expiresAt } = record;
  return create(ApiKeySchema, {
    keyId,
    displayName,
    scopes: scopes.map(toScope),
    createdAt: timestampFromDate(createdAt),
    revokedAt: revokedAt && timestampFromDate(revokedAt),
    lastUsedAt: lastUsedAt && timestampFromDate(lastUsedAt),
    expiresAt: expiresAt && timestampFromDate(expiresAt),
  });
}
