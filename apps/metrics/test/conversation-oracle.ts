import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@parley/contracts/parley/ingestion/v1/event';
import type { Event } from '@parley/contracts/parley/ingestion/v1/event';
import { eventKeyOf } from '@parley/event';
import type { NewEvent } from './events.ts';

/** What is set for a bot, from a time on. Without a bot: for all. */
export interface OracleSettings {
  readonly botId: string;
  readonly from: number;
  readonly gapMs: number;
  readonly handoffIntents: readonly string[];
}

interface Turn {
  readonly id: string;
  readonly at: number;
  readonly bot: string;
  readonly group: string;
  readonly member: string;
  readonly conversationId: string;
  readonly intent: string;
  readonly hasResponse: boolean;
  readonly responseMs: number | undefined;
}

/** A conversation as told from raw events, slowly: nothing of it is shared with what is tested. */
export interface ToldConversation {
  readonly turns: readonly Turn[];
  readonly start: number;
  readonly last: number;
  readonly over: number;
  readonly bot: string;
  readonly group: string;
  readonly isHandedOff: boolean;
  readonly isConfirmed: boolean;
  readonly isVisited: boolean;
  readonly isRated: boolean;
}

const hour = 3_600_000;
const usual = {
  gapMs: hour / 2,
  handoffIntents: ['escalate', 'escalation', 'handoff', 'human_handoff', 'agent'],
};

type Payload<Case> = Extract<Event['payload'], { case: Case }>['value'];

/** Each event of a kind once, the first of each id. */
function payloads<Case extends string>(events: readonly NewEvent[], wanted: Case) {
  const seen = new Map<string, { readonly at: number; readonly value: Payload<Case> }>();
  for (const { body, occurredAt } of events) {
    if (body === undefined || body.length === 0) continue;
    const { eventId, payload } = fromBinary(EventSchema, body);
    if (payload.case === wanted && !seen.has(eventId)) {
      seen.set(eventId, { at: occurredAt.getTime(), value: payload.value as Payload<Case> });
    }
  }
  return [...seen].map(([id, one]) => ({ id, ...one }));
}

/** All interactions that these events tell of. */
export function tellTurns(events: readonly NewEvent[]): readonly Turn[] {
  const enrichments = payloads(events, 'enrichment');
  const completions = payloads(events, 'completion');
  return payloads(events, 'interaction').map(({ id, at, value }) => {
    const read = enrichments
      .filter(({ value: { interactionId, understanding } }) => interactionId === id && understanding?.intent)
      .map(({ value }) => value.understanding?.intent ?? '')
      .at(-1);
    const completion = completions.find((one) => one.value.interactionId === id)?.value;
    const ms = completion?.responseTimeMs ?? value.responseTimeMs;
    return {
      id,
      at,
      bot: value.botId,
      group: value.groupId,
      member: value.memberId,
      conversationId: value.conversationId,
      intent: value.intent || read || value.understanding?.intent || '',
      hasResponse: (completion?.responseText || value.responseText) !== '',
      responseMs: ms === undefined ? undefined : Number(ms),
    };
  });
}

export function tellConversations(
  events: readonly NewEvent[],
  settings: readonly OracleSettings[] = [],
): readonly ToldConversation[] {
  const rule = (bot: string, at: number) => {
    const held = settings.filter(({ from }) => from <= at).sort((a, b) => b.from - a.from);
    return held.find(({ botId }) => botId === bot) ?? held.find(({ botId }) => botId === '') ?? usual;
  };
  const reach = ({ bot, at }: Turn) => at + rule(bot, at).gapMs;
  const turns = [...tellTurns(events)].sort(
    (a, b) => a.at - b.at || (eventKeyOf(a.id) < eventKeyOf(b.id) ? -1 : 1),
  );
  const groups: Turn[][] = [];
  for (const turn of turns) {
    if (turn.conversationId === '' && turn.member === '') continue;
    const home = groups.find(([first, ...more]) => {
      if (first === undefined) return false;
      if (turn.conversationId !== '' || first.conversationId !== '') {
        return first.conversationId === turn.conversationId;
      }
      const isSameThread =
        first.member === turn.member && first.bot === turn.bot && first.group === turn.group;
      return isSameThread && Math.max(...[first, ...more].map(reach)) >= turn.at;
    });
    if (home === undefined) groups.push([turn]);
    else home.push(turn);
  }
  const conversions = payloads(events, 'conversion');
  const ratings = payloads(events, 'feedback');
  const handoffs = payloads(events, 'handoff');
  return groups.map((told) => {
    const [first] = told;
    if (first === undefined) throw new Error('A conversation of nothing.');
    const ids = new Set(told.map(({ id }) => id));
    const isOf = (value: { readonly conversationId: string; readonly interactionId: string }) =>
      value.conversationId === ''
        ? ids.has(value.interactionId)
        : value.conversationId === first.conversationId;
    const outcomes = conversions
      .filter(({ value }) => ids.has(value.interactionId))
      .map(({ value }) => value.outcome);
    return {
      turns: told,
      start: first.at,
      last: told.at(-1)?.at ?? first.at,
      over: Math.max(...told.map(reach)),
      bot: first.bot,
      group: first.group,
      isHandedOff:
        handoffs.some(({ value }) => isOf(value)) ||
        told.some(({ bot, at, intent }) =>
          rule(bot, at).handoffIntents.some((name) => name.toLowerCase() === intent.toLowerCase()),
        ),
      isConfirmed: outcomes.some((outcome) => outcome === 1 || outcome === 4),
      isVisited: outcomes.some((outcome) => outcome === 2),
      isRated: ratings.some(({ value }) => value.type <= 1 && value.rating !== undefined && isOf(value)),
    };
  });
}

type Part = readonly [numerator: number, denominator: number];

/**
 * Numerator and denominator of every figure about the conversations that begin in a window, told among all of them.
 * @param now up to when time has passed.
 */
export function tellKpis(
  all: readonly ToldConversation[],
  isAsked: (conversation: ToldConversation) => boolean,
  now: number,
): Readonly<Record<string, Part>> {
  const asked = all.filter(isAsked);
  const memberOf = ({ turns: [first] }: ToldConversation) => first?.member ?? '';
  const intentOf = ({ turns: [first] }: ToldConversation) => first?.intent ?? '';
  const isBack = (c: ToldConversation, hours: number, isSame = false) =>
    all.some(
      (other) =>
        other !== c &&
        memberOf(other) === memberOf(c) &&
        other.start > c.last &&
        other.start - c.last <= hours * hour &&
        (!isSame || intentOf(other) === intentOf(c)),
    );
  const count = (list: readonly ToldConversation[], is: (c: ToldConversation) => boolean) =>
    list.filter(is).length;
  const sum = (list: readonly ToldConversation[], of: (c: ToldConversation) => number) =>
    list.reduce((total, c) => total + of(c), 0);

  const ended = asked.filter(({ over }) => over <= now);
  const engaged = ended.filter(({ turns }) => turns.length > 1);
  const known = ended.filter((c) => memberOf(c) !== '');
  const after = (list: readonly ToldConversation[], hours: number) =>
    list.filter(({ last }) => last + hours * hour <= now);
  const isContained = ({ isHandedOff }: ToldConversation) => !isHandedOff;
  const isUnderstood = ({ turns }: ToldConversation) => turns.at(-1)?.intent !== 'fallback';
  const day = after(known, 24);
  const engagedDay = day.filter(({ turns }) => turns.length > 1);
  const week = after(known, 168);
  const engagedWeek = week.filter(({ turns }) => turns.length > 1);
  const silent = after(ended, 72);
  const resolvedWeek = week.filter(({ isConfirmed }) => isConfirmed);
  const isFallback = ({ intent }: Turn) => intent === 'fallback';
  const turns = sum(asked, (c) => c.turns.length);
  return {
    conversations: [asked.length, 1],
    open_conversations: [asked.length - ended.length, 1],
    session_containment_rate: [count(engaged, isContained), engaged.length],
    session_containment_no_return_24h_rate: [
      count(engagedDay, (c) => isContained(c) && !isBack(c, 24)),
      engagedDay.length,
    ],
    session_containment_no_return_7d_rate: [
      count(engagedWeek, (c) => isContained(c) && !isBack(c, 168)),
      engagedWeek.length,
    ],
    deflection_rate: [count(ended, isContained), ended.length],
    bot_handled_rate: [count(ended, (c) => isContained(c) && isUnderstood(c)), ended.length],
    confirmed_resolution_rate: [count(engaged, (c) => c.isConfirmed), engaged.length],
    assumed_resolution_rate: [
      count(engagedDay, (c) => c.isConfirmed || (isContained(c) && !isBack(c, 24))),
      engagedDay.length,
    ],
    durable_resolution_rate: [
      count(engagedWeek, (c) => (c.isConfirmed || isContained(c)) && !isBack(c, 168)),
      engagedWeek.length,
    ],
    human_handoff_rate: [count(engaged, (c) => c.isHandedOff), engaged.length],
    abandonment_rate: [count(engaged, (c) => !c.isHandedOff && !c.isConfirmed), engaged.length],
    session_bounce_rate: [
      count(
        ended,
        (c) => c.turns.length === 1 && !c.isHandedOff && !c.isConfirmed && !c.isVisited && !c.isRated,
      ),
      ended.length,
    ],
    first_contact_resolution_rate: [count(resolvedWeek, (c) => !isBack(c, 168, true)), resolvedWeek.length],
    reopen_rate: [count(resolvedWeek, (c) => isBack(c, 168, true)), resolvedWeek.length],
    avg_conversation_duration_ms: [sum(ended, (c) => c.last - c.start), ended.length],
    interactions_per_conversation: [turns, asked.length],
    csat_response_rate: [count(ended, (c) => c.isRated), ended.length],
    first_message_fallback_rate: [count(asked, (c) => intentOf(c) === 'fallback'), asked.length],
    mid_conversation_fallback_rate: [
      sum(asked, (c) => c.turns.slice(1).filter(isFallback).length),
      turns - asked.length,
    ],
    contained_session_no_callback_rate: [count(day, (c) => isContained(c) && !isBack(c, 24)), day.length],
    live_agent_handoff_rate: [count(ended, (c) => c.isHandedOff), ended.length],
    callback_session_rate: [count(day, (c) => isBack(c, 24)), day.length],
    automated_resolution_rate: [count(silent, (c) => isContained(c) && isUnderstood(c)), silent.length],
    fin_resolution_rate: [count(day, (c) => c.isConfirmed || (isContained(c) && !isBack(c, 24))), day.length],
    engaged_resolution_rate: [count(engaged, (c) => c.isConfirmed && !c.isHandedOff), engaged.length],
    engaged_escalation_rate: [count(engaged, (c) => c.isHandedOff), engaged.length],
    engaged_abandon_rate: [count(engaged, (c) => !c.isHandedOff && !c.isConfirmed), engaged.length],
  };
}

/** The same of the figures about interactions. */
export function tellTurnKpis(turns: readonly Turn[]): Readonly<Record<string, Part>> {
  const count = (is: (turn: Turn) => boolean) => turns.filter(is).length;
  return {
    fallback_rate: [count(({ intent }) => intent === 'fallback'), turns.length],
    no_response_rate: [
      count(({ hasResponse, responseMs = 0 }) => !hasResponse || responseMs > 300_000),
      turns.length,
    ],
    conversation_coverage_rate: [
      count(({ conversationId, member }) => conversationId !== '' || member !== ''),
      turns.length,
    ],
  };
}
