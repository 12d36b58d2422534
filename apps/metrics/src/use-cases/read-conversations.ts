import type { Transaction } from '@parley/database';
import type { ConversationSums, KpiState } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { findConversationSettings } from '../storage/conversation-settings.ts';
import { countAwaiting, readConversationState } from '../storage/conversation-state.sql.ts';
import { readKpiState } from '../storage/kpi-state.sql.ts';
import { gapOfScope } from './gap-of-scope.ts';
import type { KpiQuestion } from './read-kpis.ts';

/** What is said of whole conversations, and how far it reaches. */
export interface ConversationAnswer {
  readonly conversations: ConversationSums;
  readonly watermark: ProjectionWatermark;
}

/** The conversations of a window, in one snapshot with their watermark. Throws as the reader does. */
export function readConversations(
  reader: ProjectionReader,
  question: KpiQuestion,
): Promise<ConversationAnswer> {
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const interactions = await readKpiState(tx, { ...question, generation }, question.window);
    const at = { tx, generation, completeTo: watermark.completeTo };
    return { conversations: await readConversationSums(question, interactions, at), watermark };
  });
}

/** The conversations of a window whose interactions have been read in the same snapshot. */
export async function readConversationSums(
  question: KpiQuestion,
  interactions: KpiState,
  at: { readonly tx: Transaction; readonly generation: number; readonly completeTo: Date },
): Promise<ConversationSums> {
  const { tx, generation, completeTo } = at;
  const { partition, tenantId, window } = question;
  const scope = { ...question, generation };
  const settings = await findConversationSettings(tx, partition, [tenantId]);
  return {
    conversations: await readConversationState(tx, scope, window),
    interactions,
    awaitingCount: await countAwaiting(tx, scope, window, completeTo),
    gapMs: gapOfScope(settings, question, window),
  };
}
