import { limitOf } from '@parley/access';
import type { Tenant } from '@parley/access';
import type { Database } from '@parley/database';

/** A tenant that has as many bots as it may have. */
export interface BotsUsedUp {
  /** Those that are none of its bots, of the ones that were asked about. */
  readonly refused: ReadonlySet<string>;
  readonly count: number;
  readonly most: number;
}

/** The bots of each tenant, of which there may be so many. */
export interface BotRegister {
  /**
   * Counts the bots that are new as the tenant's, in their order, as long as it may have more; undefined when all of
   * them are its own now. It is exact, whatever the number of processes: they take turns in the database.
   */
  admit(tenant: Tenant, botIds: ReadonlySet<string>): Promise<BotsUsedUp | undefined>;
}

/** What a process knows of a tenant's bots. */
interface Known {
  readonly botIds: Set<string>;
  /** How many bots it had when it could have no more: then `botIds` are all of them. */
  countWhenFull: number | undefined;
}

/** Ids that are remembered, of all tenants together; the tenant that sent longest ago is forgotten. */
const maxRemembered = 200_000;

export function createBotRegister(app: Database): BotRegister {
  const tenants = new Map<string, Known>();
  let remembered = 0;

  function knownOf(tenantId: string): Known {
    const known = tenants.get(tenantId) ?? { botIds: new Set(), countWhenFull: undefined };
    tenants.delete(tenantId);
    tenants.set(tenantId, known);
    return known;
  }

  function remember(known: Known, botIds: readonly string[]): void {
    const before = known.botIds.size;
    for (const botId of botIds) known.botIds.add(botId);
    remembered += known.botIds.size - before;
    for (const [tenantId, { botIds: forgotten }] of tenants) {
      if (remembered <= maxRemembered || tenants.size === 1) break;
      tenants.delete(tenantId);
      remembered -= forgotten.size;
    }
  }

  return {
    async admit(tenant, botIds) {
      const known = knownOf(tenant.tenantId);
      const strangers = [...botIds].filter((botId) => !known.botIds.has(botId));
      if (strangers.length === 0) return undefined;
      const most = limitOf(tenant, 'bots');
      // None is ever taken away, so that only a higher limit lets another one in.
      if (known.countWhenFull !== undefined && known.countWhenFull >= most) {
        return { refused: new Set(strangers), count: known.countWhenFull, most };
      }
      const { own, count, isFull } = await registerBots(app, tenant, strangers, most);
      remember(known, own);
      known.countWhenFull = isFull ? count : undefined;
      const refused = new Set(strangers.filter((botId) => !known.botIds.has(botId)));
      return refused.size > 0 ? { refused, count, most } : undefined;
    },
  };
}

/** Adds as many as there is room for; answers with all bots where there is none left, else with those asked about. */
async function registerBots(
  app: Database,
  { partition, tenantId }: Tenant,
  botIds: readonly string[],
  most: number,
): Promise<{ readonly own: readonly string[]; readonly count: number; readonly isFull: boolean }> {
  return app.withTenant(tenantId, async (tx) => {
    // One after the other, or two that add the last one would both find room.
    await tx.query('select from tenants where partition = $1 and tenant_id = $2 for no key update', [
      partition,
      tenantId,
    ]);
    const { rows: found } = await tx.query<{ bot_id: string }>(
      'select bot_id from bots where partition = $1 and tenant_id = $2 and bot_id = any($3)',
      [partition, tenantId, botIds],
    );
    const { rows: counted } = await tx.query<{ count: number }>(
      'select count(*)::int as count from bots where partition = $1 and tenant_id = $2',
      [partition, tenantId],
    );
    const before = counted[0]?.count ?? 0;
    const registered = new Set(found.map(({ bot_id }) => bot_id));
    const added = botIds.filter((botId) => !registered.has(botId)).slice(0, Math.max(most - before, 0));
    if (added.length > 0) {
      await tx.query('insert into bots (partition, tenant_id, bot_id) select $1, $2, unnest($3::text[])', [
        partition,
        tenantId,
        added,
      ]);
    }
    const count = before + added.length;
    if (count < most) return { own: [...registered, ...added], count, isFull: false };
    const { rows: all } = await tx.query<{ bot_id: string }>(
      'select bot_id from bots where partition = $1 and tenant_id = $2',
      [partition, tenantId],
    );
    return { own: all.map(({ bot_id }) => bot_id), count, isFull: true };
  });
}
