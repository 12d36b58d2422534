import { eventKinds } from '@parley/event';
import type { LogEvent } from '@parley/event';
import type { Projection } from '@parley/projection';
import {
  conversionMapping,
  feedbackMapping,
  interactionMapping,
  refundMapping,
} from '../storage/fact-mappings.ts';
import { createFactStore } from '../storage/fact-store.ts';
import type { FactKey, RowScope } from '../storage/fact-store.ts';
import { addToLatencyRollups, hasAnyBin } from '../storage/latency-store.ts';
import { assignOrdinals } from '../storage/member-ordinals.ts';
import { addToMemberSets } from '../storage/member-set-store.ts';
import { addToPayerSets } from '../storage/payer-set-store.ts';
import { saveMembers, saveUsers } from '../storage/people-store.ts';
import { addToRevenueRollups, hasAnyRevenue } from '../storage/revenue-store.ts';
import { addToRollups, hasAnySum } from '../storage/rollup-store.ts';
import { rollUpLatencies, rollUpMembers, rollUpPayers, rollUpRevenue, rollUpStates } from './cell.ts';
import { eraseMember, parseErasure } from './erase-member.ts';
import { parseFactEvent } from './fact-event.ts';
import { factKey } from './fact-key.ts';
import type { FactEvent, MemberName } from './fact-event.ts';
import { foldEvents } from './fold-events.ts';
import type { FoldOutcome, StoredFacts } from './fold-events.ts';
import { sealsOf } from './seals.ts';
import type { Seals } from './seals.ts';

const interactions = createFactStore(interactionMapping);
const conversions = createFactStore(conversionMapping);
const feedback = createFactStore(feedbackMapping);
const refunds = createFactStore(refundMapping);

/** Facts that began before it are copied where raw events have expired, and buckets of before or that were known then. */
const sealedDay = `(extract(epoch from seal.received_before) / 86400)::integer`;
const sealedBucket = `(r.bucket_start < seal.occurred_before
  or r.known_on < (seal.received_before at time zone 'UTC')::date)`;

/** Everything that the guide's KPIs are answered from. */
export const kpiProjection: Projection = {
  name: 'metrics.kpi',
  version: 5,
  tables: [
    { name: 'interaction_facts', sealed: `r.seen_on < ${sealedDay}` },
    { name: 'conversion_facts', sealed: `r.known_on < ${sealedDay}` },
    { name: 'feedback_facts', sealed: `r.known_on < ${sealedDay}` },
    { name: 'refund_facts', sealed: `r.known_on < ${sealedDay}` },
    // What may be of events that have expired; folding the others into it once more changes nothing.
    { name: 'member_facts', sealed: 'true' },
    { name: 'user_facts', sealed: 'true' },
    // A bucket in which all has been taken back means the same as none: it need not be there.
    { name: 'kpi_rollups', where: hasAnySum, sealed: sealedBucket },
    { name: 'latency_rollups', where: hasAnyBin, sealed: sealedBucket },
    { name: 'revenue_rollups', where: hasAnyRevenue, sealed: sealedBucket },
    { name: 'member_sets', sealed: sealedBucket },
    { name: 'payer_sets', sealed: sealedBucket },
  ],
  fold: async (context, logEvents) => {
    const scope = { ...context, seals: sealsOf(context.seals) };
    // An erasure takes away what came before it, and nothing that comes after.
    let start = 0;
    for (const [index, event] of logEvents.entries()) {
      if (event.kind !== eventKinds.erasure) continue;
      await fold(scope, logEvents.slice(start, index));
      const erasure = parseErasure(event);
      if (erasure !== undefined)
        await eraseMember(scope, erasure, { interactions, conversions, feedback, refunds });
      start = index + 1;
    }
    await fold(scope, logEvents.slice(start));
  },
};

/** With what must stay as it is. */
interface SealedScope extends RowScope {
  readonly seals: Seals;
}

async function fold(scope: SealedScope, logEvents: readonly LogEvent[]): Promise<void> {
  const events = parse(logEvents).filter((event) => !scope.seals.isExpired(event));
  if (events.length === 0) return;
  const outcome = foldEvents(await load(scope, events), events, scope.seals);
  await save(scope, outcome);
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
  await saveMembers(scope, outcome.members);
  await saveUsers(scope, outcome.users);
  await addToRollups(scope, rollUpStates(outcome.states));
  await addToLatencyRollups(scope, rollUpLatencies(outcome.latencies));
  await addToRevenueRollups(scope, rollUpRevenue(outcome.revenue));
  await addToMemberSets(scope, rollUpMembers(outcome.memberships));
  await addToPayerSets(scope, rollUpPayers(outcome.payers));
}
