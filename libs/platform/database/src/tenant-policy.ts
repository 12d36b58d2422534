import { identifier, roleName } from './role.ts';

/** The transaction's tenant, set by `Database.withTenant`. */
export const TENANT_SETTING = 'app.tenant';

/**
 * `subselect` reads the tenant once per statement; `plain` reads it per row, two to three times slower, and is the
 * only form that Citus takes.
 */
export type PolicyForm = 'subselect' | 'plain';

/**
 * The statements that put a table with a column `tenant_id uuid` under row-level security, for its owner too:
 * whoever does not bypass it sees and writes the rows of the transaction's tenant alone, without one none.
 */
export function tenantPolicy(
  table: string,
  { form = 'subselect' }: { form?: PolicyForm } = {},
): readonly string[] {
  // A connection that once had a tenant holds '' afterwards, which is no uuid: hence nullif.
  const setting = `nullif(current_setting('${TENANT_SETTING}', true), '')::uuid`;
  const tenant = form === 'subselect' ? `(select ${setting})` : setting;
  const name = identifier(table);
  return [
    `alter table ${name} enable row level security`,
    `alter table ${name} force row level security`,
    `create policy tenant_only on ${name} using (tenant_id = ${tenant})`,
  ];
}

/**
 * The statements that make a partition of a table, reachable through its parent alone: row-level security guards
 * the parent, so nobody but the owner may touch the child. `bounds` is `default` or `for values …`.
 */
export function createPartition(
  service: string,
  parent: string,
  child: string,
  bounds: string,
): readonly string[] {
  return [
    `create table if not exists ${identifier(child)} partition of ${identifier(parent)} ${bounds}`,
    `revoke all on ${identifier(child)} from ${roleName(service, 'app')}, ${roleName(service, 'worker')}`,
  ];
}
