import { conversationCounters, emptyConversationState } from '@parley/kpi';
import type { ConversationCounter, ConversationState } from '@parley/kpi';
import type { Bucket } from './cell.ts';
import { createCells, startOf } from './cell.ts';
import type { AddConversation } from './conversation-history.ts';

/** What is added to a bucket. */
export interface ConversationCell extends Bucket {
  readonly state: ConversationState;
}

/** What a batch adds to the buckets of conversations. */
export interface ConversationSums {
  readonly add: AddConversation;
  /** By quarter hour, hour and day, by bot and over all bots. */
  cells(): readonly ConversationCell[];
}

type Sums = Record<ConversationCounter, number>;

export function createConversationSums(): ConversationSums {
  const create = (): { readonly state: Sums } => ({ state: { ...emptyConversationState } });
  const quarters = createCells(create);
  return {
    add({ tenantId, occurredAt, botId, knownOn, state }) {
      const start = startOf('quarter', occurredAt.getTime());
      addTo(quarters.at(tenantId, 'quarter', start, botId, knownOn).state, state);
    },
    cells() {
      const cells = createCells(create);
      for (const { tenantId, start, botId, knownOn, state } of quarters.list()) {
        if (conversationCounters.every((counter) => state[counter] === 0)) continue;
        for (const level of ['quarter', 'hour', 'day'] as const) {
          const from = startOf(level, start);
          addTo(cells.at(tenantId, level, from, botId, knownOn).state, state);
          addTo(cells.at(tenantId, level, from, '', knownOn).state, state);
        }
      }
      return cells.list();
    },
  };
}

function addTo(sums: Sums, state: ConversationState): void {
  for (const counter of conversationCounters) sums[counter] += state[counter];
}
