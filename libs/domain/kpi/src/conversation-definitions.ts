import type { ConversationDefinition, ConversationSums } from './conversation-definition.ts';
import type { ConversationCounter } from './conversation-state.ts';
import { countOf, quotient } from './kpi-definition.ts';
import type { KpiUnit } from './kpi-value.ts';

/** How many there are. */
export const conversationTotal = count({
  name: 'conversations',
  description: 'Conversations that began in the window, open ones included.',
  formula:
    'Number of conversations. Interactions with the same conversation id are one conversation; those without one are ' +
    'of one conversation while the same member speaks with the same bot in the same group and never pauses for longer ' +
    'than the inactivity gap. None: no data.',
  source: 'definition D11',
  counter: 'conversationCount',
});

/** How many go on. */
export const openConversations = count({
  name: 'open_conversations',
  description: 'Conversations that are still open.',
  formula: 'Conversations since whose last interaction the inactivity gap is not over. None at all: no data.',
  source: 'definition D11; ruling A13',
  counter: 'openCount',
});

/** Containment by conversations. */
export const sessionContainmentRate = share({
  name: 'session_containment_rate',
  description: 'Share of the engaged conversations that were not handed off.',
  formula:
    'Engaged conversations without a handoff by engaged ones. Engaged: ended with two interactions or more. Handoff: a ' +
    'handoff event, or an intent that asks for a human. None engaged: no data.',
  source: 'definition D1; rulings A1, A2',
  numerator: 'containedCount',
  denominator: 'engagedCount',
});

/** Containment that lasts a day. */
export const sessionContainmentNoReturn24hRate = share({
  name: 'session_containment_no_return_24h_rate',
  description:
    'Share of the engaged conversations that were not handed off and whose member stayed away for 24 hours.',
  formula:
    'Engaged conversations of known members without a handoff, after whose last interaction the member began no other ' +
    'conversation within 24 hours, by all engaged ones of known members, where the 24 hours are over. None: no data.',
  source: 'definition D1',
  numerator: 'containedNoReturn24hCount',
  denominator: 'engaged24hCount',
});

/** Containment that lasts a week. */
export const sessionContainmentNoReturn7dRate = share({
  name: 'session_containment_no_return_7d_rate',
  description:
    'Share of the engaged conversations that were not handed off and whose member stayed away for 7 days.',
  formula:
    'Engaged conversations of known members without a handoff, after whose last interaction the member began no other ' +
    'conversation within 7 days, by all engaged ones of known members, where the 7 days are over. None: no data.',
  source: 'definition D1',
  numerator: 'containedNoReturn7dCount',
  denominator: 'engaged7dCount',
});

/** The weakest of the claims. */
export const deflectionRate = share({
  name: 'deflection_rate',
  description:
    'Share of the ended conversations in which nobody tried to reach a human; the weakest of the claims.',
  formula: 'Ended conversations without a handoff by ended ones. None ended: no data.',
  source: 'definition D2',
  numerator: 'deflectedCount',
  denominator: 'endedCount',
});

/** Deflection without those whom the bot did not understand. */
export const botHandledRate = share({
  name: 'bot_handled_rate',
  description: 'Share of the ended conversations that the bot handled, and not by its default reply.',
  formula:
    'Ended conversations without a handoff, whose last interaction’s intent is not `fallback`, by ended ones. None ' +
    'ended: no data.',
  source: 'definition D2',
  numerator: 'botHandledCount',
  denominator: 'endedCount',
});

/** Resolution that is proven. */
export const confirmedResolutionRate = share({
  name: 'confirmed_resolution_rate',
  description: 'Share of the engaged conversations with a conversion that purchased or resolved.',
  formula:
    'Engaged conversations with such a conversion of one of their interactions by engaged ones. None engaged: no data.',
  source: 'definition D3; ruling A4',
  numerator: 'confirmedCount',
  denominator: 'engagedCount',
});

/** Resolution that is confirmed, or assumed after a day. */
export const assumedResolutionRate = share({
  name: 'assumed_resolution_rate',
  description:
    'Share of the engaged conversations that were confirmed as resolved, or contained and not come back to within 24 hours.',
  formula:
    'Engaged conversations of known members that are confirmed, or without a handoff and without another conversation ' +
    'of the member within 24 hours, by all engaged ones of known members, where the 24 hours are over. None: no data.',
  source: 'definitions D3, D19; ruling A4',
  numerator: 'assumedCount',
  denominator: 'engaged24hCount',
});

/** Resolution that lasts. */
export const durableResolutionRate = share({
  name: 'durable_resolution_rate',
  description: 'Share of the engaged conversations that were resolved and not come back to within 7 days.',
  formula:
    'Engaged conversations of known members that are confirmed or without a handoff, and without another conversation ' +
    'of the member within 7 days, by all engaged ones of known members, where the 7 days are over. None: no data.',
  source: 'definition D3',
  numerator: 'durableCount',
  denominator: 'engaged7dCount',
});

/** What went to humans. */
export const humanHandoffRate = share({
  name: 'human_handoff_rate',
  description: 'Share of the engaged conversations that were handed to a human.',
  formula: 'Engaged conversations with a handoff by engaged ones. None engaged: no data.',
  source: 'definition D12; rulings A1, A2',
  numerator: 'handoffCount',
  denominator: 'engagedCount',
});

/** What was given up. */
export const abandonmentRate = share({
  name: 'abandonment_rate',
  description: 'Share of the engaged conversations that ended neither resolved nor handed off.',
  formula:
    'Engaged conversations neither confirmed nor with a handoff by engaged ones. None engaged: no data.',
  source: 'definition D15; ruling A12',
  numerator: 'abandonedCount',
  denominator: 'engagedCount',
});

/** What ended after one message. */
export const sessionBounceRate = share({
  name: 'session_bounce_rate',
  description: 'Share of the ended conversations with a single interaction of which nothing came.',
  formula:
    'Ended conversations of one interaction, without a handoff, an answered CSAT, and a conversion other than ' +
    '`did_nothing`, by ended ones. None ended: no data.',
  source: 'definition D8; ruling A13',
  numerator: 'bouncedCount',
  denominator: 'endedCount',
});

/** Resolution at the first attempt. */
export const firstContactResolutionRate = share({
  name: 'first_contact_resolution_rate',
  description:
    'Share of the resolved conversations whose member did not come back with the same intent within 7 days.',
  formula:
    'Ended conversations of known members with a conversion that purchased or resolved, after whose last interaction ' +
    'the member began no other one with the same intent within 7 days, by all of these, where the 7 days are over. ' +
    'None: no data.',
  source: 'definition D5',
  numerator: 'firstContactCount',
  denominator: 'resolved7dCount',
});

/** Resolution that did not hold. */
export const reopenRate = define({
  definitionId: 'parley.v1/reopen_rate',
  group: 'conversations',
  description:
    'Share of the resolved conversations whose member came back with the same intent within 7 days.',
  formula: '1 less `first_contact_resolution_rate`, of the same conversations. None: no data.',
  unit: 'rate',
  source: 'definition D5',
  isProportion: true,
  dependsOnGap: true,
  parts: ({ conversations: { resolved7dCount, firstContactCount } }) =>
    quotient(resolved7dCount - firstContactCount, resolved7dCount),
});

/** How long they take. */
export const avgConversationDurationMs = ratio({
  name: 'avg_conversation_duration_ms',
  unit: 'milliseconds',
  description: 'Mean time from a conversation’s first interaction to its last, of those that ended.',
  formula:
    'Sum of these times by the number of ended conversations; one interaction takes 0. None ended: no data.',
  source: 'definition D4; ruling A5',
  numerator: 'durationSumMs',
  denominator: 'endedCount',
});

/** How much is said in them. */
export const interactionsPerConversation = ratio({
  name: 'interactions_per_conversation',
  unit: 'count',
  description: 'Mean number of interactions of a conversation.',
  formula: 'Interactions of the conversations that began in the window by their number. None: no data.',
  source: 'definition D19',
  numerator: 'turnCount',
  denominator: 'conversationCount',
});

/** How many say how it was. */
export const csatResponseRate = share({
  name: 'csat_response_rate',
  group: 'customer_experience',
  description: 'Share of the ended conversations with an answered CSAT.',
  formula: 'Ended conversations with a CSAT rating of them by ended ones. None ended: no data.',
  source: 'definition D19; ruling A6',
  numerator: 'ratedCount',
  denominator: 'endedCount',
});

/** How many begin with something that the bot did not understand. */
export const firstMessageFallbackRate = share({
  name: 'first_message_fallback_rate',
  description: 'Share of the conversations whose first interaction’s intent is `fallback`.',
  formula: 'Conversations whose first interaction’s intent is exactly `fallback` by all. None: no data.',
  source: 'definition D12',
  numerator: 'firstFallbackCount',
  denominator: 'conversationCount',
});

/** How often the bot did not understand later on. */
export const midConversationFallbackRate = define({
  definitionId: 'parley.v1/mid_conversation_fallback_rate',
  group: 'conversations',
  description: 'Share of the interactions after a conversation’s first whose intent is `fallback`.',
  formula:
    'Interactions with the intent `fallback` by all, the first of each conversation left out. None left: no data.',
  unit: 'rate',
  source: 'definition D12',
  isProportion: true,
  dependsOnGap: true,
  parts: ({ conversations: { laterFallbackCount, turnCount, conversationCount } }) =>
    quotient(laterFallbackCount, turnCount - conversationCount),
});

/** How often the bot did not understand. */
export const fallbackRate = define({
  definitionId: 'parley.v1/fallback_rate',
  group: 'conversations',
  description: 'Share of the interactions whose intent is `fallback`.',
  formula: 'Interactions whose intent is exactly `fallback` by all interactions. None: no data.',
  unit: 'rate',
  source: 'definition D12; ruling A12',
  isProportion: true,
  dependsOnGap: false,
  parts: ({ interactions }) => quotient(interactions.fallbackCount, interactions.interactionCount),
});

/** How often nothing came back. */
export const noResponseRate = define({
  definitionId: 'parley.v1/no_response_rate',
  group: 'conversations',
  description: 'Share of the interactions without a response within 5 minutes.',
  formula:
    'Interactions without a response, or with one after more than 5 minutes, by all interactions; those of the last 5 ' +
    'minutes that still wait for one are left out. None: no data.',
  unit: 'rate',
  source: 'definition D19; ruling A13',
  isProportion: true,
  dependsOnGap: false,
  parts: ({ interactions, awaitingCount }) =>
    quotient(
      interactions.withoutResponseCount + interactions.lateResponseCount - awaitingCount,
      interactions.interactionCount - awaitingCount,
    ),
});

/** How much of what was said the figures about conversations speak of. */
export const conversationCoverageRate = define({
  definitionId: 'parley.v1/conversation_coverage_rate',
  group: 'conversations',
  description: 'Share of the interactions that belong to a conversation.',
  formula: 'Interactions with a conversation id or a member by all interactions. None: no data.',
  unit: 'rate',
  source: 'definition D11',
  isProportion: true,
  dependsOnGap: false,
  parts: ({ interactions: { interactionCount, unthreadedCount } }) =>
    quotient(interactionCount - unthreadedCount, interactionCount),
});

const google = 'docs.cloud.google.com: Dialogflow CX, Experiment.Result.MetricType';
const intercom = 'Intercom, Fin AI Agent resolutions: intercom.com/help/en/articles/7022438';
const microsoft = 'learn.microsoft.com/microsoft-copilot-studio/guidance/measuring-outcomes';

/** Google's containment. */
export const containedSessionNoCallbackRate = share({
  dialect: 'google.v1',
  name: 'contained_session_no_callback_rate',
  description: 'Share of the sessions without a handoff whose user did not call back in 24 hours.',
  formula:
    'Ended conversations of known members without a handoff and without another conversation of the member within 24 ' +
    'hours, however short, by all ended ones of known members, where the 24 hours are over. Google knows who calls by ' +
    'the telephone; here it is the member of the conversation, with any bot of the tenant. None: no data.',
  source: `${google}, CONTAINED_SESSION_NO_CALLBACK_RATE`,
  numerator: 'deflectedNoReturn24hCount',
  denominator: 'ended24hCount',
});

/** Google's handoffs. */
export const liveAgentHandoffRate = share({
  dialect: 'google.v1',
  name: 'live_agent_handoff_rate',
  description: 'Share of the sessions that were handed to a human agent.',
  formula: 'Ended conversations with a handoff, however short, by ended ones. None ended: no data.',
  source: `${google}, LIVE_AGENT_HANDOFF_RATE`,
  numerator: 'anyHandoffCount',
  denominator: 'endedCount',
});

/** Google's returns. */
export const callbackSessionRate = share({
  dialect: 'google.v1',
  name: 'callback_session_rate',
  description: 'Share of the sessions whose user called back; in 24 hours, as in the rate of containment.',
  formula:
    'Ended conversations of known members with another conversation of the member within 24 hours by all ended ones of ' +
    'known members, where the 24 hours are over. Google does not publish how long it waits for a call. None: no data.',
  source: `${google}, CALLBACK_SESSION_RATE`,
  numerator: 'returned24hCount',
  denominator: 'ended24hCount',
});

/** Zendesk's resolutions, without its judge. */
export const automatedResolutionRate = share({
  dialect: 'zendesk.v1',
  name: 'automated_resolution_rate',
  description:
    'Share of the conversations that were silent for 72 hours without a handoff; Zendesk also lets a model verify each.',
  formula:
    'Conversations with 72 hours of silence, without a handoff, whose last interaction’s intent is not `fallback` (in ' +
    'place of the verification by a model), by all with 72 hours of silence. Zendesk counts only what its own agent ' +
    'took part in; here every conversation is one with a bot. None: no data.',
  source: 'support.zendesk.com: about automated resolutions; definition D3',
  numerator: 'botHandled72hCount',
  denominator: 'ended72hCount',
});

/** Intercom's resolutions. */
export const finResolutionRate = share({
  dialect: 'intercom.v1',
  name: 'fin_resolution_rate',
  description:
    'Share of the conversations that were confirmed as resolved, or not handed off and not come back to within 24 hours.',
  formula:
    'Ended conversations of known members, however short, that are confirmed, or without a handoff and without another ' +
    'conversation of the member within 24 hours, by all ended ones of known members, where the 24 hours are over. ' +
    'Intercom asks whether that helped; here a conversion that purchased or resolved confirms. Its automation rate is ' +
    'this times the share of conversations in which Fin was involved: what people handle without a bot is not known ' +
    'here, so that the share would be 1. None: no data.',
  source: `${intercom}; definition D3`,
  numerator: 'settled24hCount',
  denominator: 'ended24hCount',
});

/** Microsoft's resolutions. */
export const engagedResolutionRate = define({
  definitionId: 'microsoft.v1/engaged_resolution_rate',
  group: 'dialects',
  description: 'Share of the engaged sessions that were confirmed as resolved and not escalated.',
  formula:
    'Engaged conversations with a conversion that purchased or resolved and without a handoff by engaged ones. For ' +
    'Microsoft a session is engaged when a topic was reached, which is not known here: two messages of the member are. ' +
    'None engaged: no data.',
  unit: 'rate',
  source: microsoft,
  isProportion: true,
  dependsOnGap: true,
  parts: ({ conversations: { containedCount, abandonedCount, engagedCount } }) =>
    quotient(containedCount - abandonedCount, engagedCount),
});

/** Microsoft's escalations. */
export const engagedEscalationRate = share({
  dialect: 'microsoft.v1',
  name: 'engaged_escalation_rate',
  description: 'Share of the engaged sessions that were escalated, also where they were resolved.',
  formula: 'Engaged conversations with a handoff by engaged ones. None engaged: no data.',
  source: microsoft,
  numerator: 'handoffCount',
  denominator: 'engagedCount',
});

/** Microsoft's sessions that were given up. */
export const engagedAbandonRate = share({
  dialect: 'microsoft.v1',
  name: 'engaged_abandon_rate',
  description: 'Share of the engaged sessions that ended neither resolved nor escalated.',
  formula:
    'Engaged conversations neither confirmed nor with a handoff by engaged ones. None engaged: no data.',
  source: microsoft,
  numerator: 'abandonedCount',
  denominator: 'engagedCount',
});

/** Every definition about conversations, in the order of their ids. */
export const conversationDefinitions: readonly ConversationDefinition[] = [
  callbackSessionRate,
  containedSessionNoCallbackRate,
  liveAgentHandoffRate,
  finResolutionRate,
  engagedAbandonRate,
  engagedEscalationRate,
  engagedResolutionRate,
  abandonmentRate,
  assumedResolutionRate,
  avgConversationDurationMs,
  botHandledRate,
  confirmedResolutionRate,
  conversationCoverageRate,
  conversationTotal,
  csatResponseRate,
  deflectionRate,
  durableResolutionRate,
  fallbackRate,
  firstContactResolutionRate,
  firstMessageFallbackRate,
  humanHandoffRate,
  interactionsPerConversation,
  midConversationFallbackRate,
  noResponseRate,
  openConversations,
  reopenRate,
  sessionBounceRate,
  sessionContainmentNoReturn24hRate,
  sessionContainmentNoReturn7dRate,
  sessionContainmentRate,
  automatedResolutionRate,
];

type Words = Pick<ConversationDefinition, 'name' | 'description' | 'formula' | 'source'>;

function define(definition: Omit<ConversationDefinition, 'name'>): ConversationDefinition {
  const { definitionId } = definition;
  return { ...definition, name: definitionId.slice(definitionId.indexOf('/') + 1) };
}

function count({
  name,
  counter,
  ...words
}: Words & { counter: ConversationCounter }): ConversationDefinition {
  return define({
    ...words,
    definitionId: `parley.v1/${name}`,
    group: 'conversations',
    unit: 'count',
    isProportion: false,
    dependsOnGap: true,
    parts: ({ conversations: { conversationCount, [counter]: things } }) =>
      countOf(things, conversationCount, conversationCount > 0),
  });
}

interface Quotient extends Words {
  readonly numerator: ConversationCounter;
  readonly denominator: ConversationCounter;
}

/** A part of a number of conversations. */
function share({
  dialect = 'parley.v1',
  group = dialect === 'parley.v1' ? 'conversations' : 'dialects',
  ...quotientOf
}: Quotient & { dialect?: string; group?: ConversationDefinition['group'] }): ConversationDefinition {
  return { ...ratio({ ...quotientOf, unit: 'rate' }, dialect), group, isProportion: true };
}

/** One sum by another. */
function ratio(
  { name, unit, numerator, denominator, ...words }: Quotient & { unit: KpiUnit },
  version = 'parley.v1',
): ConversationDefinition {
  return define({
    ...words,
    definitionId: `${version}/${name}`,
    group: 'conversations',
    unit,
    isProportion: false,
    dependsOnGap: true,
    parts: ({ conversations }: ConversationSums) =>
      quotient(conversations[numerator], conversations[denominator]),
  });
}
