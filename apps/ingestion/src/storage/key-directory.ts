import type { Scope, Tenant, TenantDirectory } from '@parley/access';
import type { Database } from '@parley/database';
import type { Now } from '@parley/runtime';
import { toLimits } from './tenant-store.ts';

interface TenantColumns {
  readonly partition: number;
  readonly tenant_id: string;
  readonly name: string;
  readonly time_zone: string;
  readonly currency_code: string;
  readonly calls_per_second: bigint;
  readonly events_per_second: bigint;
  readonly bytes_per_second: bigint;
  readonly streams: number;
  readonly bots: number;
  readonly queries: number;
}

/**
 * Where credentials are looked up.
 * @param worker bypasses row-level security: a key comes before its tenant is known.
 */
export function createKeyDirectory(worker: Database, now: Now): TenantDirectory {
  return {
    // By index api_keys_by_key_id, then the tenant's primary key.
    async findKey(keyId) {
      const { rows } = await worker.query<
        TenantColumns & { secret_hash: Buffer; scopes: Scope[]; expires_at: Date | null }
      >(
        {
          name: 'find-key',
          text: `select k.secret_hash, k.scopes, k.expires_at, t.partition, t.tenant_id, t.name, t.time_zone, t.currency_code,
                        t.calls_per_second, t.events_per_second, t.bytes_per_second, t.streams, t.bots, t.queries
                   from api_keys k join tenants t on t.partition = k.partition and t.tenant_id = k.tenant_id
                  where k.key_id = $1 and k.revoked_at is null
                    and (k.expires_at is null or k.expires_at > $2)`,
        },
        [keyId, now()],
      );
      const row = rows[0];
      return (
        row && {
          secretHash: row.secret_hash,
          scopes: row.scopes,
          tenant: toTenant(row),
          ...(row.expires_at && { expiresAt: row.expires_at }),
        }
      );
    },
    async findTenant(name) {
      const { rows } = await worker.query<TenantColumns>(
        `select partition, tenant_id, name, time_zone, currency_code,
                calls_per_second, events_per_second, bytes_per_second, streams, bots, queries
           from tenants where name = $1`,
        [name],
      );
      return rows[0] && toTenant(rows[0]);
    },
  };
}

function toTenant(row: TenantColumns): Tenant {
  return {
    partition: row.partition,
    tenantId: row.tenant_id,
    name: row.name,
    timeZone: row.time_zone,
    currency: row.currency_code,
    limits: toLimits({
      callsPerSecond: Number(row.calls_per_second),
      eventsPerSecond: Number(row.events_per_second),
      bytesPerSecond: Number(row.bytes_per_second),
      streams: row.streams,
      bots: row.bots,
      queries: row.queries,
    }),
  };
}
