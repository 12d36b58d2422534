import type { LogEvent } from '@parley/event';
import type { Projection } from '@parley/projection';
import { conversionMapping, feedbackMapping, interactionMapping } from '../storage/fact-mappings.ts';
import { createFactStore } from '../storage/fact-store.ts';
import type { FactKey, RowScope } from '../storage/fact-store.ts';
import { assignOrdinals } from '../storage/member-ordinals.ts';
import type { MemberId } from '../storage/member-ordinals.ts';
import { addToMemberSets } from '../storage/member-set-store.ts';
import { saveMembers, saveUsers } from '../storage/people-store.ts';
import { addToRollups } from '../storage/rollup-store.ts';
import { rollUpMembers, rollUpStates } from './cell.ts';
import { parseFactEvent } from './fact-event.ts';
import type { FactEvent } from './fact-event.ts';
import { factKey, foldEvents } from './fold-events.ts';
import type { FoldOutcome, StoredFacts } from './fold-events.ts';

const interactions = createFactStore(interactionMapping);
const conversions = createFactStore(conversionMapping);
const feedback = createFactStore(feedbackMapping);

/** Everything that the guide's KPIs are answered from. */
export const kpiProjection: Projection = {
  name: 'metrics.kpi',
  version: 2,
  tables: [
    { name: 'interaction_facts' },
    { name: 'conversion_facts' },
    { name: 'feedback_facts' },
    { name: 'member_facts' },
    { name: 'user_facts' },
    { name: 'kpi_rollups' },
    { name: 'member_sets' },
  ],
  fold: async (scope, logEvents) => {
    const events = parse(logEvents);
    if (events.length === 0) return;
    const outcome = foldEvents(await load(scope, events), events);
    await save(scope, outcome);
  },
};

function parse(events: readonly LogEvent[]): readonly FactEvent[] {
  return events.flatMap((event) => parseFactEvent(event) ?? []);
}

async function load(scope: RowScope, events: readonly FactEvent[]): Promise<StoredFacts> {
  const ofInteractions = createKeySet();
  const ofConversions = createKeySet();
  const ofFeedback = createKeySet();
  const ofLinks = createKeySet();
  const members = new Map<string, MemberId>();
  const addMember = ({ tenantId, memberId }: MemberId) => {
    if (memberId !== '') members.set(factKey(tenantId, memberId), { tenantId, memberId });
  };
  for (const event of events) {
    switch (event.kind) {
      case 'interaction':
        addMember(event);
        ofInteractions.add(event.tenantId, event.key);
        ofLinks.add(event.tenantId, event.key);
        break;
      case 'enrichment':
        ofInteractions.add(event.tenantId, event.key);
        ofLinks.add(event.tenantId, event.key);
        break;
      case 'completion':
        ofInteractions.add(event.tenantId, event.key);
        break;
      case 'conversion':
        ofConversions.add(event.tenantId, event.key);
        ofInteractions.add(event.tenantId, event.interactionKey);
        break;
      case 'feedback':
        ofFeedback.add(event.tenantId, event.key);
        if (event.interactionKey !== null) ofInteractions.add(event.tenantId, event.interactionKey);
        break;
      case 'member':
        addMember(event);
        break;
      case 'user':
        break;
    }
  }
  const ordinals = await assignOrdinals(scope.tx, scope.partition, [...members.values()]);
  const links = ofLinks.list();
  return {
    interactions: await interactions.find(scope, ofInteractions.list()),
    conversions: [
      ...(await conversions.find(scope, ofConversions.list())),
      ...(await conversions.find(scope, links, 'interaction_key')),
    ],
    feedback: [
      ...(await feedback.find(scope, ofFeedback.list())),
      ...(await feedback.find(scope, links, 'interaction_key')),
    ],
    ordinals: new Map(
      ordinals.map(({ tenantId, memberId, ordinal }) => [factKey(tenantId, memberId), ordinal]),
    ),
  };
}

async function save(scope: RowScope, outcome: FoldOutcome): Promise<void> {
  await interactions.add(scope, outcome.interactions.added());
  await interactions.change(scope, outcome.interactions.changed());
  await conversions.add(scope, outcome.conversions.added());
  await conversions.change(scope, outcome.conversions.changed());
  await feedback.add(scope, outcome.feedback.added());
  await feedback.change(scope, outcome.feedback.changed());
  await saveMembers(scope, outcome.members);
  await saveUsers(scope, outcome.users);
  await addToRollups(scope, rollUpStates(outcome.states));
  await addToMemberSets(scope, rollUpMembers(outcome.memberships));
}

interface KeySet {
  add(tenantId: string, key: string): void;
  list(): readonly FactKey[];
}

/** Each key once. */
function createKeySet(): KeySet {
  const keys = new Map<string, FactKey>();
  return {
    add: (tenantId, key) => keys.set(factKey(tenantId, key), { tenantId, key }),
    list: () => [...keys.values()],
  };
}
