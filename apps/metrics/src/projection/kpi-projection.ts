import { bucketLengths } from '@parley/calendar';
import { eventKinds } from '@parley/event';
import type { LogEvent } from '@parley/event';
import type { Projection } from '@parley/projection';
import { findConversationSettings } from '../storage/conversation-settings.ts';
import { saveBotMetrics } from '../storage/bot-metric-store.ts';
import { moveClock, readClock } from '../storage/conversation-store.ts';
import {
  conversionMapping,
  feedbackMapping,
  handoffMapping,
  interactionMapping,
  refundMapping,
} from '../storage/fact-mappings.ts';
import { createFactStore } from '../storage/fact-store.ts';
import type { FactKey, RowScope } from '../storage/fact-store.ts';
import { addToLateness } from '../storage/lateness-store.ts';
import { addToLatencyRollups, hasAnyBin } from '../storage/latency-store.ts';
import { assignOrdinals } from '../storage/member-ordinals.ts';
import { addToMemberSets } from '../storage/member-set-store.ts';
import { addToPayerSets } from '../storage/payer-set-store.ts';
import { saveMembers, saveUsers } from '../storage/people-store.ts';
import { addToRevenueRollups, hasAnyRevenue } from '../storage/revenue-store.ts';
import { conversationRollups, kpiRollups } from '../storage/rollup-store.ts';
import { parseBotMetrics } from './bot-metric-fact.ts';
import { rollUpLatencies, rollUpMembers, rollUpPayers, rollUpRevenue, rollUpStates } from './cell.ts';
import { countLateness } from './count-lateness.ts';
import { createConversationRules } from './conversation-rules.ts';
import type { ConversationRules } from './conversation-rules.ts';
import { createConversationSums } from './conversation-sums.ts';
import { eraseMember, parseErasure } from './erase-member.ts';
import { parseFactEvent } from './fact-event.ts';
import { factKey } from './fact-key.ts';
import type { FactEvent, MemberName } from './fact-event.ts';
import { foldEvents } from './fold-events.ts';
import type { FoldOutcome, StoredFacts } from './fold-events.ts';
import { sealsOf } from './seals.ts';
import type { Seals } from './seals.ts';
import { dayOf } from './history.ts';
import { keepConversations, passTimeForAll } from './keep-conversations.ts';
import type { KeepOptions } from './keep-conversations.ts';
import { waitingSignals } from './signals.ts';
import type { Thread } from './thread.ts';

const interactions = createFactStore(interactionMapping);
const conversions = createFactStore(conversionMapping);
const feedback = createFactStore(feedbackMapping);
const refunds = createFactStore(refundMapping);
const handoffs = createFactStore(handoffMapping);
const stores = { interactions, conversions, feedback, handoffs, refunds };

/** Facts that began before it are copied where raw events have expired, and buckets of before or that were known then. */
const sealedDay = `(extract(epoch from seal.received_before) / 86400)::integer`;
const sealedBucket = `(r.bucket_start < seal.occurred_before
  or r.known_on < (seal.received_before at time zone 'UTC')::date)`;

/** Everything that the guide's KPIs are answered from. */
export const kpiProjection: Projection = {
  name: 'metrics.kpi',
  version: 10,
  tables: [
    { name: 'interaction_facts', time: 'occurred_at', sealed: `r.seen_on < ${sealedDay}` },
    { name: 'conversion_facts', time: 'occurred_at', sealed: `r.known_on < ${sealedDay}` },
    { name: 'feedback_facts', time: 'occurred_at', sealed: `r.known_on < ${sealedDay}` },
    { name: 'refund_facts', time: 'occurred_at', sealed: `r.known_on < ${sealedDay}` },
    { name: 'bot_metric_facts', time: 'occurred_at', sealed: `r.known_on < ${sealedDay}` },
    // Conversations of a tenant whose raw events have expired are copied as they are: each may be of such events in part.
    { name: 'handoff_facts', sealed: 'true' },
    { name: 'conversation_facts', time: 'started_at', sealed: 'true' },
    { name: 'conversation_clocks' },
    // What may be of events that have expired; folding the others into it once more changes nothing.
    { name: 'member_facts', sealed: 'true' },
    { name: 'user_facts', sealed: 'true' },
    // A bucket in which all has been taken back means the same as none: it need not be there.
    { name: 'kpi_rollups', time: 'bucket_start', where: kpiRollups.hasAnySum, sealed: sealedBucket },
    { name: 'latency_rollups', time: 'bucket_start', where: hasAnyBin, sealed: sealedBucket },
    { name: 'revenue_rollups', time: 'bucket_start', where: hasAnyRevenue, sealed: sealedBucket },
    {
      name: 'conversation_rollups',
      time: 'bucket_start',
      where: conversationRollups.hasAnySum,
      sealed: 'true',
    },
    { name: 'member_sets', time: 'bucket_start', sealed: sealedBucket },
    {
      name: 'lateness_counts',
      time: "(received_on::timestamp at time zone 'UTC')",
      sealed: `r.received_on < (seal.received_before at time zone 'UTC')::date`,
    },
    { name: 'payer_sets', time: 'bucket_start', sealed: sealedBucket },
  ],
  fold: async (context, logEvents) => {
    const { seals } = context;
    const scope = {
      ...context,
      seals: sealsOf(seals),
      hasCopies: (tenantId: string) => seals?.has(tenantId) ?? false,
    };
    for (const events of cutAtDays(logEvents)) await foldDay(scope, events);
  },
};

/** With what must stay as it is. */
interface SealedScope extends RowScope {
  readonly seals: Seals;
  /** Whether a tenant's conversations are copies, in which the events have had their effect already. */
  readonly hasCopies: (tenantId: string) => boolean;
}

/**
 * Runs of events received on one UTC day, each erasure alone: it takes away what came before it, and nothing that comes
 * after. What changes a conversation counts from one day on.
 */
function cutAtDays(events: readonly LogEvent[]): readonly (readonly LogEvent[])[] {
  const runs: LogEvent[][] = [];
  let before: LogEvent | undefined;
  for (const event of events) {
    const isNext =
      before === undefined ||
      before.kind === eventKinds.erasure ||
      event.kind === eventKinds.erasure ||
      dayOf(before.receivedAt) !== dayOf(event.receivedAt);
    if (isNext) runs.push([]);
    runs.at(-1)?.push(event);
    before = event;
  }
  return runs;
}

async function foldDay(scope: SealedScope, events: readonly LogEvent[]): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const day = dayOf(first.receivedAt);
  const clock = await readClock(scope);
  // Time passes by ticks; and what is received on a day is received after the one before.
  const ticks = events
    .filter(({ kind }) => kind === eventKinds.tick)
    .map((tick) => tick.receivedAt.getTime());
  const now = Math.max(clock?.getTime() ?? 0, day * bucketLengths.day, ...ticks.slice(-1));
  const sums = createConversationSums();
  if (first.kind === eventKinds.erasure) {
    const erasure = parseErasure(first);
    if (erasure !== undefined) {
      const rules = await readRules(scope, [erasure.tenantId]);
      const conversations = { rules, now, add: sums.add };
      const hasCopies = scope.hasCopies(erasure.tenantId);
      await eraseMember(scope, erasure, stores, hasCopies ? undefined : conversations);
    }
  } else {
    const told = parse(events).filter((event) => !scope.seals.isExpired(event));
    await foldFacts(scope, told, { day, now, add: sums.add });
    await saveBotMetrics(
      scope,
      parseBotMetrics(events).filter((metric) => !scope.seals.isExpired(metric)),
    );
  }
  const fresh = events.filter((event) => !scope.seals.isExpired(event));
  await addToLateness(scope, first.receivedAt, countLateness(fresh));
  if (clock === null || clock.getTime() < now) {
    await passTimeForAll(scope, now, sums.add);
    await moveClock(scope, new Date(now));
  }
  const cells = sums.cells();
  await conversationRollups.add(scope, cells);
  if (first.kind === eventKinds.erasure) await conversationRollups.deleteEmpty(scope, cells);
}

async function foldFacts(
  scope: SealedScope,
  events: readonly FactEvent[],
  time: Pick<KeepOptions, 'day' | 'now' | 'add'>,
): Promise<void> {
  if (events.length === 0) return;
  const outcome = foldEvents(await load(scope, events), events, scope.seals);
  const touches = outcome.touches.filter(({ thread }) => !scope.hasCopies(thread.tenantId));
  const rules = await readRules(scope, [...new Set(touches.map(({ thread }) => thread.tenantId))]);
  const findWaiting = (threads: readonly Thread[]) => waitingSignals(scope, stores, threads);
  await keepConversations(scope, touches, { ...time, rules, findWaiting });
  await save(scope, outcome);
}

async function readRules(
  { tx, partition }: RowScope,
  tenantIds: readonly string[],
): Promise<ConversationRules> {
  return createConversationRules(await findConversationSettings(tx, partition, tenantIds));
}

function parse(events: readonly LogEvent[]): readonly FactEvent[] {
  return events.flatMap((event) => parseFactEvent(event) ?? []);
}

async function load(scope: SealedScope, events: readonly FactEvent[]): Promise<StoredFacts> {
  // Each once, by its place.
  const ofInteractions = new Map<string, FactKey>();
  const ofConversions = new Map<string, FactKey>();
  const ofRefunds = new Map<string, FactKey>();
  // Whose refunds are asked for: that they are of it, and how much was given back.
  const refunded = new Map<string, FactKey>();
  const ofFeedback = new Map<string, FactKey>();
  const ofHandoffs = new Map<string, FactKey>();
  const ofLinks = new Map<string, FactKey>();
  const members = new Map<string, MemberName>();
  for (const event of events) {
    switch (event.kind) {
      case 'interaction':
        if (event.member !== undefined) members.set(event.member.place, event.member);
        ofInteractions.set(event.place, event);
        ofLinks.set(event.place, event);
        break;
      case 'enrichment':
        ofInteractions.set(event.place, event);
        ofLinks.set(event.place, event);
        break;
      case 'completion':
        ofInteractions.set(event.place, event);
        break;
      case 'conversion':
        if (event.member !== undefined) members.set(event.member.place, event.member);
        ofConversions.set(event.place, event);
        refunded.set(event.place, event);
        ofInteractions.set(event.interaction.place, event.interaction);
        break;
      case 'refund':
        ofRefunds.set(event.place, event);
        ofConversions.set(event.conversion.place, event.conversion);
        refunded.set(event.conversion.place, event.conversion);
        break;
      case 'feedback':
        ofFeedback.set(event.place, event);
        if (event.interaction !== undefined) ofInteractions.set(event.interaction.place, event.interaction);
        break;
      case 'handoff':
        ofHandoffs.set(event.place, event);
        if ('interaction' in event.of) ofInteractions.set(event.of.interaction.place, event.of.interaction);
        break;
      case 'member':
        members.set(event.member.place, event.member);
        break;
      case 'user':
        break;
    }
  }
  const ordinals = await assignOrdinals(scope.tx, scope.partition, [...members.values()]);
  const links = [...ofLinks.values()];
  const linked = await conversions.find(scope, links, 'interaction_key');
  for (const { tenantId, conversionKey } of linked) {
    refunded.set(factKey(tenantId, conversionKey), { tenantId, key: conversionKey });
  }
  const asked = await conversions.find(scope, [...ofConversions.values()]);
  if (scope.seals.isAny) {
    for (const { tenantId, interactionKey } of asked) {
      ofInteractions.set(factKey(tenantId, interactionKey), { tenantId, key: interactionKey });
    }
  }
  return {
    interactions: await interactions.find(scope, [...ofInteractions.values()]),
    conversions: [...asked, ...linked],
    refunds: [
      ...(await refunds.find(scope, [...ofRefunds.values()])),
      ...(await refunds.find(scope, [...refunded.values()], 'conversion_key')),
    ],
    feedback: [
      ...(await feedback.find(scope, [...ofFeedback.values()])),
      ...(await feedback.find(scope, links, 'interaction_key')),
    ],
    handoffs: [
      ...(await handoffs.find(scope, [...ofHandoffs.values()])),
      ...(await handoffs.find(scope, links, 'interaction_key')),
    ],
    ordinals,
  };
}

async function save(scope: RowScope, outcome: FoldOutcome): Promise<void> {
  await interactions.add(scope, outcome.interactions.added());
  await interactions.change(scope, outcome.interactions.changed());
  await conversions.add(scope, outcome.conversions.added());
  await conversions.change(scope, outcome.conversions.changed());
  await feedback.add(scope, outcome.feedback.added());
  await feedback.change(scope, outcome.feedback.changed());
  await refunds.add(scope, outcome.refunds.added());
  await refunds.change(scope, outcome.refunds.changed());
  await handoffs.add(scope, outcome.handoffs.added());
  await saveMembers(scope, outcome.members);
  await saveUsers(scope, outcome.users);
  await kpiRollups.add(scope, rollUpStates(outcome.states));
  await addToLatencyRollups(scope, rollUpLatencies(outcome.latencies));
  await addToRevenueRollups(scope, rollUpRevenue(outcome.revenue));
  await addToMemberSets(scope, rollUpMembers(outcome.memberships));
  await addToPayerSets(scope, rollUpPayers(outcome.payers));
}
