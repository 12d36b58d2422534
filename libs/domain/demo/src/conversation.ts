import { timestampOf } from './demo-line.ts';
import type { ConversionLine, DemoLine, InteractionLine, TimedLine } from './demo-line.ts';
import type { Speaker } from './members.ts';
import { planted } from './planted.ts';
import { chance, integer, pick, pickWeighted } from './random.ts';
import type { Random } from './random.ts';
import * as script from './script.ts';
import type { Bot, Topic } from './script.ts';

/** A conversation to be made up. */
export interface ConversationPlan {
  readonly tenant: string;
  /** Its session id; every id in it begins with it. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startAt: number;
  readonly speaker: Speaker;
}

/** A conversation with what came of it, in no particular order; the first line is the earliest. */
export function makeConversation(random: Random, plan: ConversationPlan): TimedLine[] {
  const topic = pickWeighted(random, script.topics);
  const { turns, ending } = makeTurns(random, topic);
  const told = tell(random, plan, topic.bot, turns);
  const last = told.interactions.at(-1);
  if (last === undefined) return told.lines;
  return [
    ...told.lines,
    ...(ending === 'handover' ? handoff(random, plan, last) : []),
    ...(ending === 'good' ? outcome(random, plan, topic, told.interactions) : []),
    ...rating(random, plan, last, ending),
  ];
}

/** A message and the answer to it. */
interface Turn {
  readonly intent: string;
  readonly message: string;
  readonly sentiment: 'positive' | 'neutral' | 'negative';
  readonly reply: string;
}

/** How a conversation ends: well, with a human, or in the middle. */
type Ending = 'good' | 'handover' | 'abandoned';

function makeTurns(random: Random, topic: Topic): { turns: Turn[]; ending: Ending } {
  const fill = filler(random);
  const turn = (
    intent: string,
    messages: readonly string[],
    sentiment: Turn['sentiment'],
    replies: readonly string[],
  ) => ({
    intent,
    message: fill(pick(random, messages)),
    sentiment,
    reply: fill(pick(random, replies)),
  });
  const turns: Turn[] = [];
  if (chance(random, 0.45)) turns.push(turn('greet', script.greetings, 'neutral', script.greetingReplies));

  const isUpset = topic.intent === 'billing_question' && chance(random, 0.5);
  if (isUpset) {
    const isCalmed = chance(random, 0.5);
    const isRelieved = chance(random, isCalmed ? 0.8 : 0.15);
    const replies = isCalmed ? script.calmingReplies : script.coldReplies;
    turns.push(
      turn(topic.intent, script.upsetMessages, chance(random, 0.95) ? 'negative' : 'neutral', replies),
      isRelieved
        ? turn(topic.intent, script.relievedMessages, 'positive', topic.replies)
        : turn(topic.intent, script.furiousMessages, 'negative', topic.replies),
    );
  }
  for (let left = integer(random, 1, 4); left > 0; left -= 1) {
    if (chance(random, 0.05)) turns.push(turn('fallback', script.riddles, 'neutral', script.lostReplies));
    const mood = random();
    if (mood < topic.annoyance) turns.push(turn(topic.intent, topic.negative, 'negative', topic.replies));
    else if (mood > 0.72) turns.push(turn(topic.intent, topic.positive, 'positive', topic.replies));
    else turns.push(turn(topic.intent, topic.neutral, 'neutral', topic.replies));
  }

  const end = random();
  if (end < (isUpset ? 0.33 : 0.03)) {
    turns.push(turn('escalate', script.cries, 'negative', script.handoverReplies));
    return { turns, ending: 'handover' };
  }
  if (end > 0.95) {
    turns.push(turn('abandoned', script.shrugs, 'neutral', script.farewells));
    return { turns, ending: 'abandoned' };
  }
  if (chance(random, 0.4)) turns.push(turn('thanks', script.thanks, 'positive', script.farewells));
  return { turns, ending: 'good' };
}

/** Fills the gaps of texts; the same gap in the same way through a conversation. */
function filler(random: Random): (text: string) => string {
  const filled = new Map<string, string>([
    ['order', String(integer(random, 10_000, 99_999))],
    ['card', String(integer(random, 1_000, 9_999))],
    ...Object.entries(script.fillings).map(([gap, fillings]) => [gap, pick(random, fillings)] as const),
  ]);
  return (text) => text.replace(/\{(\w+)\}/g, (_, gap: string) => filled.get(gap) ?? gap);
}

/** A turn as it is known in the end, with its answer. */
interface ToldTurn {
  readonly at: number;
  readonly line: InteractionLine;
  readonly message: string;
  /** Undefined: the bot failed. */
  readonly reply: string | undefined;
}

/** The turns one after the other, each answer either in its interaction or apart. */
function tell(
  random: Random,
  plan: ConversationPlan,
  bot: Bot,
  turns: readonly Turn[],
): { lines: TimedLine[]; interactions: ToldTurn[] } {
  const lines: TimedLine[] = [];
  const interactions: ToldTurn[] = [];
  let at = plan.startAt;
  for (const [n, turn] of turns.entries()) {
    const answer = respond(random, bot, turn);
    const isTwoPhase = chance(random, planted.twoPhaseShare);
    const isPicture = turn.sentiment === 'neutral' && chance(random, 0.06);
    const line: InteractionLine = {
      type: 'interaction',
      id: `${plan.id}-${n}`,
      tenant: plan.tenant,
      timestamp: timestampOf(at),
      group_id: plan.speaker.group,
      ...(plan.speaker.memberId !== undefined && { member_id: plan.speaker.memberId }),
      session_id: plan.id,
      bot_id: bot,
      channel: plan.speaker.channel,
      ...(!isPicture && { message_text: turn.message }),
      intent: turn.intent,
      ...(!isPicture && { sentiment: turn.sentiment }),
      ...(!isTwoPhase && answer),
    };
    lines.push({ at, line });
    interactions.push({ at, line, message: turn.message, reply: answer.response_text });
    const answeredAt = at + answer.response_time_ms;
    if (isTwoPhase) {
      lines.push({
        at: answeredAt,
        line: {
          type: 'completion',
          interaction_id: line.id,
          tenant: plan.tenant,
          timestamp: timestampOf(answeredAt),
          ...answer,
        },
      });
    }
    // Now and then somebody comes back hours later, perhaps on another day.
    at =
      answeredAt +
      (chance(random, 0.04) ? integer(random, 1_800_000, 14_400_000) : integer(random, 4_000, 75_000));
  }
  return { lines, interactions };
}

/** The bot's answer: late, at once where it has it ready, or none. */
function respond(random: Random, bot: Bot, turn: Turn) {
  const { least, spread, failure } = script.tempers[bot];
  if (chance(random, failure)) {
    return { response_time_ms: integer(random, 8_000, 10_000), error_code: 'upstream_timeout' };
  }
  if (turn.intent === 'greet' && chance(random, 0.25)) {
    return { response_text: turn.reply, response_time_ms: 0 };
  }
  const lateness = random();
  return { response_text: turn.reply, response_time_ms: least + Math.floor(lateness * lateness * spread) };
}

function handoff(random: Random, { tenant, id }: ConversationPlan, { at, line }: ToldTurn): TimedLine[] {
  const handedAt = at + integer(random, 1_000, 90_000);
  return [
    {
      at: handedAt,
      line: {
        type: 'handoff',
        id: `${id}-h`,
        tenant,
        timestamp: timestampOf(handedAt),
        interaction_id: line.id,
        ...placeOf(line),
        reason: 'member_request',
        actor: 'member',
      },
    },
  ];
}

/** What came of a conversation that ended well, and what was given back of it. */
function outcome(
  random: Random,
  plan: ConversationPlan,
  topic: Topic,
  told: readonly ToldTurn[],
): TimedLine[] {
  const result = settle(random, plan, topic);
  const cause = told.findLast(({ line, reply }) => line.intent === topic.intent && reply !== undefined);
  if (result === undefined || cause?.reply === undefined) return [];
  // Most decide at once, some sleep on it.
  const delay = chance(random, 0.1)
    ? integer(random, 3_600_000, 72_000_000)
    : integer(random, 5_000, 2_400_000);
  const at = cause.at + delay;
  const id = `${plan.id}-c`;
  const page = topic.sale?.page ?? '/help';
  const conversion: ConversionLine = {
    type: 'conversion',
    id,
    tenant: plan.tenant,
    timestamp: timestampOf(at),
    interaction_id: cause.line.id,
    ...(chance(random, 0.5) && { ...placeOf(cause.line), intent: topic.intent }),
    trigger_message: cause.message,
    intent_score: integer(random, 450, 995) / 1_000,
    bot_message: cause.reply,
    outcome: result.outcome,
    conversion_type: topic.intent,
    conversion_value: result.cents / 100,
    currency: 'USD',
    checkout_completed: result.outcome === 'purchased',
    pages_visited: result.outcome === 'purchased' ? [page, '/basket', '/checkout'] : [page],
    time_to_conversion_seconds: Math.floor(delay / 1_000),
  };
  return [
    { at, line: conversion },
    ...(chance(random, 0.04) ? refund(random, conversion, result.cents, at) : []),
  ];
}

function settle(random: Random, { speaker }: ConversationPlan, { sale, resolution = 0 }: Topic) {
  const decision = random();
  if (sale) {
    const eagerness = speaker.isEager ? planted.eagerness : 1;
    // Whole dollars less ten cents, as shops like them.
    const cents = Math.ceil(integer(random, sale.least, sale.most) / 100) * 100 - 10;
    if (decision < sale.chance * eagerness) return { outcome: 'purchased', cents } as const;
    if (decision > 0.9) return { outcome: 'visited', cents: 0 } as const;
  }
  if (decision < resolution) return { outcome: 'resolved', cents: 0 } as const;
  return decision > 0.8 ? ({ outcome: 'did_nothing', cents: 0 } as const) : undefined;
}

function refund(random: Random, sale: ConversionLine, cents: number, soldAt: number): TimedLine[] {
  if (cents === 0) return [];
  const at = soldAt + integer(random, 43_200_000, 259_200_000);
  const isWhole = chance(random, 0.7);
  const line: DemoLine = {
    type: 'refund',
    id: `${sale.id}-r`,
    tenant: sale.tenant,
    timestamp: timestampOf(at),
    conversion_id: sale.id,
    value: (isWhole ? cents : Math.floor(cents / 2)) / 100,
    currency: sale.currency,
    reason: isWhole ? 'returned' : 'damaged',
  };
  return [{ at, line }];
}

/** Every eighth is asked for a rating, and most of them give it. */
function rating(
  random: Random,
  { tenant, id }: ConversationPlan,
  { at, line }: ToldTurn,
  ending: Ending,
): TimedLine[] {
  if (!chance(random, 0.125)) return [];
  const ratedAt = at + integer(random, 20_000, 1_800_000);
  const best = ending === 'good' ? (line.sentiment === 'negative' ? 4 : 5) : 3;
  return [
    {
      at: ratedAt,
      line: {
        type: 'feedback',
        id: `${id}-f`,
        tenant,
        timestamp: timestampOf(ratedAt),
        interaction_id: line.id,
        ...(chance(random, 0.5) && placeOf(line)),
        csat_rating: chance(random, 0.2) ? null : integer(random, Math.max(1, best - 2), best),
      },
    },
  ];
}

function placeOf({ bot_id, group_id, member_id }: InteractionLine) {
  return { bot_id, group_id, ...(member_id !== undefined && { member_id }) };
}
