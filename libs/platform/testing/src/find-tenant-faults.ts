import { Client } from 'pg';

export interface TenantRules {
  /** As superuser, or as any role that sees the whole catalogue. */
  readonly adminUrl: string;
  readonly schema: string;
  /** Faults that are meant, exactly as they are reported; each must occur. */
  readonly allowed?: readonly string[];
}

/**
 * Looks through a schema's catalogue for what DESIGN forbids, and returns it as text, sorted; empty when all is well:
 * - a table with `tenant_id` on which row-level security is not enabled, not forced, or has no policy;
 * - a unique index of such a table that does not begin with `partition` or lacks `tenant_id`;
 * - a partition that anybody but its owner may touch past its parent;
 * - an allowed fault that does not occur (any more).
 */
export async function findTenantFaults({
  adminUrl,
  schema,
  allowed = [],
}: TenantRules): Promise<readonly string[]> {
  const client = new Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  });
  await client.connect();
  try {
    const { rows } = await client.query<{ fault: string }>(CATALOGUE_FAULTS, [schema]);
    const faults = rows.map(({ fault }) => fault);
    return [
      ...faults.filter((fault) => !allowed.includes(fault)),
      ...allowed
        .filter((fault) => !faults.includes(fault))
        .map((fault) => `allowed but does not occur: ${fault}`),
    ];
  } finally {
    await client.end();
  }
}

const CATALOGUE_FAULTS = `
  with tables as (
    select c.oid, c.relname, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner
      from pg_class c
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
  ), tenants as (
    select t.* from tables t
      join pg_attribute a on a.attrelid = t.oid and a.attname = 'tenant_id' and not a.attisdropped
     where not t.relispartition
  ), indexes as (
    select t.relname, i.indexrelid::regclass::text as index_name,
           array(select coalesce(a.attname::text, '(expression)')
                   from unnest(i.indkey::int2[]) with ordinality as k(attnum, position)
                   left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
                  where k.position <= i.indnkeyatts
                  order by k.position) as columns
      from tenants t join pg_index i on i.indrelid = t.oid
     where i.indisunique
  )
  select relname || ': row-level security is not enabled' as fault from tenants where not relrowsecurity
  union all
  select relname || ': row-level security is not forced' from tenants where not relforcerowsecurity
  union all
  select relname || ': has no policy' from tenants t
   where not exists (select from pg_policy p where p.polrelid = t.oid)
  union all
  select relname || ': unique index ' || index_name || ' does not begin with partition' from indexes
   where columns[1] is distinct from 'partition'
  union all
  select relname || ': unique index ' || index_name || ' lacks tenant_id' from indexes
   where not 'tenant_id' = any(columns)
  union all
  select distinct t.relname || ': partition is open to ' || case a.grantee when 0 then 'public' else a.grantee::regrole::text end
    from tables t, aclexplode(t.relacl) a
   where t.relispartition and a.grantee <> t.relowner
   order by fault`;
