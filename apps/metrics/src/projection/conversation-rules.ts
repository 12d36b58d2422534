/** When conversations end, and which intents ask for a human. */
export interface ConversationSettings {
  readonly tenantId: string;
  /** Empty: all bots that have none of their own. */
  readonly botId: string;
  /** What occurred before is judged by what held then. */
  readonly effectiveFrom: Date;
  readonly inactivityGapMs: number;
  readonly handoffIntents: readonly string[];
}

export type ConversationRule = Pick<ConversationSettings, 'inactivityGapMs' | 'handoffIntents'>;

/** What holds where a tenant has not said anything. */
export const defaultRule: ConversationRule = {
  inactivityGapMs: 30 * 60_000,
  handoffIntents: ['escalate', 'escalation', 'handoff', 'human_handoff', 'agent'],
};

/** What holds for interactions, by their bot and by when they occurred. */
export interface ConversationRules {
  gapMs(of: Occurrence): number;
  /** Whether an intent asks for a human. */
  isHandoff(of: Occurrence, intent: string): boolean;
}

export interface Occurrence {
  readonly tenantId: string;
  readonly botId: string;
  readonly occurredAt: Date;
}

/** The rules that these settings make. */
export function createConversationRules(settings: readonly ConversationSettings[]): ConversationRules {
  const latestFirst = settings
    .map((one) => ({ ...one, names: new Set(one.handoffIntents.map((name) => name.toLowerCase())) }))
    .sort((one, other) => other.effectiveFrom.getTime() - one.effectiveFrom.getTime());
  const usual = { ...defaultRule, names: new Set(defaultRule.handoffIntents) };
  const ruleOf = ({ tenantId, botId, occurredAt }: Occurrence) => {
    if (latestFirst.length === 0) return usual;
    const held = latestFirst.filter((one) => one.tenantId === tenantId && one.effectiveFrom <= occurredAt);
    return held.find((one) => one.botId === botId) ?? held.find((one) => one.botId === '') ?? usual;
  };
  return {
    gapMs: (of) => ruleOf(of).inactivityGapMs,
    isHandoff: (of, intent) => intent !== '' && ruleOf(of).names.has(intent.toLowerCase()),
  };
}
