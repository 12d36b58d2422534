/**
 * The place of a fact, member or user among those of all tenants. Made once for each event: to join two texts and hash
 * them takes longer than what is looked up by it.
 */
export function factKey(tenantId: string, key: string): string {
  return `${tenantId} ${key}`;
}
