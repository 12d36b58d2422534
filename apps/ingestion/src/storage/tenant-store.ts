import { LockMode } from '@mikro-orm/core';
import type { Scope, Tenant, TenantLimits } from '@parley/access';
import type { Database } from '@parley/database';
import { DomainError } from '@parley/errors';
import { ApiKeyEntity, TenantEntity } from './entities.ts';
import type { ApiKeyRow, TenantRow } from './entities.ts';

/** A tenant as it is kept. */
export interface TenantRecord extends Tenant {
  readonly createdAt: Date;
}

/** A key as it is kept, without its secret. */
export interface ApiKeyRecord {
  readonly keyId: string;
  readonly displayName: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  /** Undefined: it is valid. */
  readonly revokedAt: Date | undefined;
  /** To within a minute; undefined: never. */
  readonly lastUsedAt: Date | undefined;
  /** From when on it is valid no more; undefined: it does not end by itself. */
  readonly expiresAt: Date | undefined;
}

/** A key that was just made. */
export interface NewKey {
  readonly keyId: string;
  readonly secretHash: Uint8Array;
  readonly displayName: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
}

export type NewTenant = Omit<TenantRecord, 'partition'>;

/** Tenants and their keys. */
export interface TenantStore {
  /**
   * Creates a tenant with its first key, in the partition with the fewest tenants.
   * @throws DomainError `already-exists` (TENANT_EXISTS) when the name is taken.
   */
  createTenant(tenant: NewTenant, key: NewKey): Promise<TenantRecord>;
  getTenant(tenant: Tenant): Promise<TenantRecord>;
  /** In the order of their names, from after one. */
  listTenants(page: { readonly afterName: string; readonly limit: number }): Promise<readonly TenantRecord[]>;
  updateTenant(
    tenant: Tenant,
    changes: { readonly timeZone?: string; readonly currency?: string },
  ): Promise<TenantRecord>;
  /** Replaces all of them; one that is 0 is the default from then on. */
  updateLimits(tenant: Tenant, limits: TenantLimits): Promise<TenantRecord>;
  createKey(tenant: Tenant, key: NewKey): Promise<ApiKeyRecord>;
  /**
   * Creates a key with the scopes and the name of another, which ends at `oldEndsAt`, or earlier where it would anyway.
   * @throws DomainError `not-found` (KEY_NOT_FOUND) when the tenant has no such key, `failed-precondition`
   *   (KEY_NOT_VALID) when it is revoked or expired.
   */
  replaceKey(
    tenant: Tenant,
    keyId: string,
    key: Pick<NewKey, 'keyId' | 'secretHash' | 'createdAt'>,
    oldEndsAt: Date,
  ): Promise<{ readonly created: ApiKeyRecord; readonly replaced: ApiKeyRecord }>;
  /** The newest first, from after one. */
  listKeys(
    tenant: Tenant,
    page: {
      readonly after: { readonly createdAt: Date; readonly keyId: string } | undefined;
      readonly limit: number;
    },
  ): Promise<readonly ApiKeyRecord[]>;
  /**
   * Repeating it changes nothing.
   * @throws DomainError `not-found` (KEY_NOT_FOUND) when the tenant has no such key.
   */
  revokeKey(tenant: Tenant, keyId: string, at: Date): Promise<ApiKeyRecord>;
}

/**
 * @param app answers tenants, under row-level security.
 * @param worker sees all tenants: for what the operator asks.
 */
export function createTenantStore({
  app,
  worker,
}: {
  readonly app: Database;
  readonly worker: Database;
}): TenantStore {
  return {
    async createTenant({ tenantId, name, timeZone, currency, createdAt }, key) {
      const partition = await worker.transaction(async (tx) => {
        // Two at once may choose the same partition; that they are evenly filled in the long run is enough.
        const { rows } = await tx.query<{ partition: number }>(
          `insert into tenants (partition, tenant_id, name, time_zone, currency_code, created_at)
           select h.partition, $1, $2, $3, $4, $5
             from partition_heads h left join tenants t on t.partition = h.partition
            group by h.partition
            order by count(t.tenant_id), h.partition
            limit 1
           on conflict (name) do nothing
           returning partition`,
          [tenantId, name, timeZone, currency, createdAt],
        );
        const row = rows[0];
        if (row === undefined) {
          throw new DomainError(`There is a tenant named ${name} already.`, {
            kind: 'already-exists',
            reason: 'TENANT_EXISTS',
            facts: { tenant: name },
          });
        }
        await tx.query(
          `insert into api_keys (partition, tenant_id, key_id, display_name, secret_hash, scopes, created_at)
           values ($1, $2, $3, $4, $5, $6, $7)`,
          [row.partition, tenantId, key.keyId, key.displayName, key.secretHash, key.scopes, key.createdAt],
        );
        return row.partition;
      });
      return { partition, tenantId, name, timeZone, currency, createdAt };
    },

    getTenant: ({ partition, tenantId }) =>
      app.entities(tenantId, async (em) =>
        toTenant(await em.findOneOrFail(TenantEntity, { partition, tenantId })),
      ),

    listTenants: ({ afterName, limit }) =>
      worker.entities(undefined, async (em) => {
        const rows = await em.find(
          TenantEntity,
          { name: { $gt: afterName } },
          { orderBy: { name: 'asc' }, limit },
        );
        return rows.map(toTenant);
      }),

    updateTenant: ({ partition, tenantId }, { timeZone, currency }) =>
      app.entities(tenantId, async (em) => {
        const row = await em.findOneOrFail(TenantEntity, { partition, tenantId });
        row.timeZone = timeZone ?? row.timeZone;
        row.currencyCode = currency ?? row.currencyCode;
        await em.flush();
        return toTenant(row);
      }),

    updateLimits: ({ partition, tenantId }, limits) =>
      app.entities(tenantId, async (em) => {
        const row = await em.findOneOrFail(TenantEntity, { partition, tenantId });
        Object.assign(row, limits);
        await em.flush();
        return toTenant(row);
      }),

    createKey: ({ partition, tenantId }, key) =>
      app.entities(tenantId, async (em) => {
        const row = em.create(ApiKeyEntity, {
          partition,
          tenantId,
          keyId: key.keyId,
          displayName: key.displayName,
          secretHash: Buffer.from(key.secretHash),
          scopes: [...key.scopes],
          createdAt: key.createdAt,
          expiresAt: key.expiresAt ?? null,
        });
        await em.flush();
        return toKey(row);
      }),

    replaceKey: ({ partition, tenantId }, keyId, key, oldEndsAt) =>
      app.entities(tenantId, async (em) => {
        // Locked, so that of two rotations at once the second sees what the first made of the key.
        const lockMode = LockMode.PESSIMISTIC_WRITE;
        const old = await em.findOne(ApiKeyEntity, { partition, tenantId, keyId }, { lockMode });
        if (old === null) throw keyNotFound(keyId);
        const { revokedAt, expiresAt } = toKey(old);
        const isExpired = expiresAt !== undefined && expiresAt <= key.createdAt;
        if (revokedAt !== undefined || isExpired) {
          throw new DomainError(`The key is ${isExpired ? 'expired' : 'revoked'}; create a new one.`, {
            kind: 'failed-precondition',
            reason: 'KEY_NOT_VALID',
            facts: { key_id: keyId },
          });
        }
        const created = em.create(ApiKeyEntity, {
          partition,
          tenantId,
          keyId: key.keyId,
          displayName: old.displayName,
          secretHash: Buffer.from(key.secretHash),
          scopes: [...old.scopes],
          createdAt: key.createdAt,
        });
        old.expiresAt = expiresAt !== undefined && expiresAt < oldEndsAt ? expiresAt : oldEndsAt;
        await em.flush();
        return { created: toKey(created), replaced: toKey(old) };
      }),

    listKeys: ({ partition, tenantId }, { after, limit }) =>
      app.entities(tenantId, async (em) => {
        const rows = await em.find(
          ApiKeyEntity,
          {
            partition,
            tenantId,
            ...(after && {
              $or: [
                { createdAt: { $lt: after.createdAt } },
                { createdAt: after.createdAt, keyId: { $gt: after.keyId } },
              ],
            }),
          },
          { orderBy: { createdAt: 'desc', keyId: 'asc' }, limit },
        );
        return rows.map(toKey);
      }),

    revokeKey: ({ partition, tenantId }, keyId, at) =>
      app.entities(tenantId, async (em) => {
        const row = await em.findOne(ApiKeyEntity, { partition, tenantId, keyId });
        if (row === null) throw keyNotFound(keyId);
        row.revokedAt ??= at;
        await em.flush();
        return toKey(row);
      }),
  };
}

function keyNotFound(keyId: string): DomainError {
  return new DomainError(`This tenant has no key ${JSON.stringify(keyId)}.`, {
    kind: 'not-found',
    reason: 'KEY_NOT_FOUND',
    facts: { key_id: keyId },
  });
}

function toTenant(row: TenantRow): TenantRecord {
  const { partition, tenantId, name, timeZone, currencyCode, createdAt } = row;
  const limits = toLimits(row);
  return { partition, tenantId, name, timeZone, currency: currencyCode, createdAt, limits };
}

/** What is set; in the row, 0 is the default. */
export function toLimits(row: TenantLimits): Partial<TenantLimits> {
  const { callsPerSecond, eventsPerSecond, bytesPerSecond, streams, bots, queries } = row;
  const all = { callsPerSecond, eventsPerSecond, bytesPerSecond, streams, bots, queries };
  return Object.fromEntries(Object.entries(all).filter(([, limit]) => limit > 0));
}

function toKey(row: ApiKeyRow): ApiKeyRecord {
  const { keyId, displayName, scopes, createdAt, revokedAt, lastUsedAt, expiresAt } = row;
  return {
    keyId,
    displayName,
    scopes,
    createdAt,
    revokedAt: revokedAt ?? undefined,
    lastUsedAt: lastUsedAt ?? undefined,
    expiresAt: expiresAt ?? undefined,
  };
}
