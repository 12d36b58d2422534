import type { Database } from '@parley/database';
import type { Now } from '@parley/runtime';
import { defaultRule } from '../projection/conversation-rules.ts';
import type { ConversationRule, ConversationSettings } from '../projection/conversation-rules.ts';
import { addConversationSettings, findConversationSettings } from '../storage/conversation-settings.ts';

export interface SettingsDependencies {
  readonly db: Database;
  readonly now: Now;
}

/** Whose settings. */
export interface SettingsOwner {
  readonly tenantId: string;
  readonly partition: number;
}

const hourMs = 3_600_000;
/** What is told now of the near future is judged by what holds now. */
const noticeMs = 10 * 60_000;

/** What holds now, and what is to come: of each bot that has settings, in the order of bots and times. */
export async function currentConversationSettings(
  { db, now }: SettingsDependencies,
  { tenantId, partition }: SettingsOwner,
): Promise<readonly ConversationSettings[]> {
  const all = await db.withTenant(tenantId, (tx) => findConversationSettings(tx, partition, [tenantId]));
  const at = now();
  return all.filter(
    (one) =>
      one.effectiveFrom > at ||
      !all.some(
        (other) =>
          other.botId === one.botId && other.effectiveFrom > one.effectiveFrom && other.effectiveFrom <= at,
      ),
  );
}

/**
 * Sets rules from the start of the next full hour in UTC that is at least 10 minutes away, so that whatever has been counted
 * stays as it is. Empty parts of the rule are the defaults.
 */
export async function changeConversationSettings(
  { db, now }: SettingsDependencies,
  { tenantId, partition }: SettingsOwner,
  { botId, ...rule }: ConversationRule & { readonly botId: string },
): Promise<ConversationSettings> {
  const effectiveFrom = new Date(Math.ceil((now().getTime() + noticeMs) / hourMs) * hourMs);
  const settings = {
    tenantId,
    botId,
    effectiveFrom,
    inactivityGapMs: rule.inactivityGapMs || defaultRule.inactivityGapMs,
    handoffIntents: rule.handoffIntents.length === 0 ? defaultRule.handoffIntents : rule.handoffIntents,
  };
  await db.withTenant(tenantId, (tx) => addConversationSettings(tx, partition, settings));
  return settings;
}
