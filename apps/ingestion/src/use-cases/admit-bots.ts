import type { Tenant } from '@parley/access';
import type { BotRegister } from '../storage/bot-register.ts';
import type { CandidateEvent } from './candidate-event.ts';

/** Refuses the events of bots that are more than their tenant may have. */
export async function admitBots(
  bots: BotRegister,
  tenant: Tenant,
  candidates: readonly CandidateEvent[],
): Promise<readonly CandidateEvent[]> {
  const botIds = new Set<string>();
  for (const candidate of candidates) {
    if (!candidate.isRefused && candidate.botId !== '') botIds.add(candidate.botId);
  }
  const usedUp = await bots.admit(tenant, botIds);
  if (usedUp === undefined) return candidates;
  const { refused, count, most } = usedUp;
  return candidates.map((candidate) => {
    if (candidate.isRefused || !refused.has(candidate.botId)) return candidate;
    const { botId, eventId, event } = candidate;
    return {
      isRefused: true,
      botId,
      eventId,
      kind: event.kind,
      reason: 'TOO_MANY_BOTS',
      message: `The tenant has ${count} bots and may have ${most}; this event is of another one.`,
      violations: [],
      body: event.body,
    };
  });
}
