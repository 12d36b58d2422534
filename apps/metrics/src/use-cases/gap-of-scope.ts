import { createConversationRules } from '../projection/conversation-rules.ts';
import type { ConversationSettings } from '../projection/conversation-rules.ts';

/**
 * The inactivity gap by which a tenant's conversations are told apart in a window, of one bot or of all (empty); undefined
 * where there are several.
 */
export function gapOfScope(
  settings: readonly ConversationSettings[],
  { tenantId, botId }: { readonly tenantId: string; readonly botId: string },
  { start, end }: { readonly start: Date; readonly end: Date },
): number | undefined {
  const rules = createConversationRules(settings);
  // No bot is called nothing: it stands for those that have no settings of their own.
  const bots = botId === '' ? new Set(['', ...settings.map((one) => one.botId)]) : [botId];
  const changes = settings.map(({ effectiveFrom }) => effectiveFrom).filter((at) => at > start && at < end);
  const gaps = new Set<number>();
  for (const bot of bots) {
    for (const occurredAt of [start, ...changes]) gaps.add(rules.gapMs({ tenantId, botId: bot, occurredAt }));
  }
  const [gap, ...others] = gaps;
  return others.length === 0 ? gap : undefined;
}
