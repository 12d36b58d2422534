import { randomUUID } from 'node:crypto';
import {
  conversationCounters,
  conversationDefinitions,
  emptyConversationState,
  emptyState,
} from '@parley/kpi';
import type { ConversationState } from '@parley/kpi';
import { testCluster } from '@parley/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addConversationSettings } from '../src/storage/conversation-settings.ts';
import { columnOf } from '../src/storage/kpi-columns.ts';
import { tellConversations, tellKpis, tellTurnKpis, tellTurns } from './conversation-oracle.ts';
import type { OracleSettings } from './conversation-oracle.ts';
import {
  chances,
  conversationEvents,
  conversationLog,
  conversationWorld,
  cutAtRandom,
  days,
  from,
} from './conversation-world.ts';
import { inOrder } from './events.ts';
import type { NewEvent } from './events.ts';
import { openMetricsRows, partition } from './metrics-database.ts';
import type { MetricsRows, Scope } from './metrics-database.ts';
import { eventKinds } from '@parley/event';

const cluster = await testCluster();
const day = 86_400_000;
const startOfDay = (at: Date) => Math.floor(at.getTime() / day) * day;

/** Up to when time has passed at the end of a log. */
function clockOf(log: readonly NewEvent[]): number {
  const ticks = log
    .filter(({ kind }) => kind === eventKinds.tick)
    .map(({ receivedAt }) => receivedAt.getTime());
  return Math.max(0, ...ticks, ...log.map(({ receivedAt }) => startOfDay(receivedAt)));
}

/** Numerators and denominators by our definitions. */
function parts(conversations: ConversationState, names: readonly string[]) {
  return Object.fromEntries(
    conversationDefinitions
      .filter(({ name }) => names.includes(name))
      .map(({ name, parts: of }) => {
        const sums = { conversations, interactions: emptyState, awaitingCount: 0, gapMs: undefined };
        const { numerator, denominator } = of(sums);
        return [name, [numerator, denominator]] as const;
      }),
  );
}

/** Everything of a tenant, as known at the end of a UTC day. */
async function stateKnownOn(
  metrics: MetricsRows,
  tenantId: string,
  knownOn: Date,
): Promise<ConversationState> {
  const sums = conversationCounters.map(
    (counter) => `coalesce(sum(${columnOf(counter)}), 0)::int as "${counter}"`,
  );
  const { rows } = await metrics.worker.query<ConversationState>(
    `select ${sums.join(', ')} from conversation_rollups
      where partition = $1 and tenant_id = $2 and generation = 1 and cube = 0 and level = 2 and known_on <= $3`,
    [partition, tenantId, knownOn.toISOString().slice(0, 10)],
  );
  return rows[0] ?? emptyConversationState;
}

const settings: readonly OracleSettings[] = [
  { botId: '', from: from + 2 * day, gapMs: 60 * 60_000, handoffIntents: ['help me'] },
  { botId: 'help', from: from + day, gapMs: 10 * 60_000, handoffIntents: ['AGENT', 'escalate'] },
  { botId: 'help', from: from + 3 * day, gapMs: day, handoffIntents: ['agent'] },
];

async function applySettings(metrics: MetricsRows, tenantId: string): Promise<void> {
  for (const { botId, from: since, gapMs, handoffIntents } of settings) {
    const effectiveFrom = new Date(since);
    const rule = { tenantId, botId, effectiveFrom, inactivityGapMs: gapMs, handoffIntents };
    await addConversationSettings(metrics.worker, partition, rule);
  }
}

const scopes: readonly Scope[] = [
  {},
  { botId: 'sales' },
  { groupId: 'shop' },
  { groupId: 'shop', botId: 'help' },
];
const instant = fc.oneof(
  fc.integer({ min: 0, max: days * day }),
  fc.integer({ min: 0, max: days * 144 }).map((steps) => steps * 600_000),
);
const windows = fc
  .tuple(instant, instant)
  .map(([one, other]) => ({ start: from + Math.min(one, other), end: from + Math.max(one, other) }));

test(
  'every figure of conversations is that of a slow recomputation from raw events, as known on each day, in any window',
  { timeout: 300_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    const names = Object.keys(tellKpis([], () => true, 0));
    expect([...names, ...Object.keys(tellTurnKpis([]))].sort()).toEqual(
      conversationDefinitions.map(({ name }) => name).sort(),
    );
    await fc.assert(
      fc.asyncProperty(
        conversationWorld,
        chances,
        fc.boolean(),
        windows,
        async (world, stream, isSet, window) => {
          const tenantId = randomUUID();
          await metrics.forgetTime();
          if (isSet) await applySettings(metrics, tenantId);
          const held = isSet ? settings : [];
          const log = conversationLog(conversationEvents(world, tenantId), stream);
          for (const batch of cutAtRandom(inOrder(log), stream)) await metrics.fold(batch);

          const clock = clockOf(log);
          const told = tellConversations(log, held);
          const turns = tellTurns(log);
          for (const { start, end } of [window, { start: from, end: from + days * day }]) {
            for (const scope of scopes) {
              const isAsked = (one: { bot: string; group: string }, at: number) =>
                at >= start &&
                at < end &&
                (scope.botId === undefined || scope.botId === one.bot) &&
                (scope.groupId === undefined || scope.groupId === one.group);
              const sums = await metrics.conversationSums(new Date(start), new Date(end), {
                ...scope,
                tenantId,
              });
              expect(parts(sums.conversations, names)).toEqual(
                tellKpis(told, (c) => isAsked(c, c.start), clock),
              );
              const ofTurns = tellTurnKpis(turns.filter((turn) => isAsked(turn, turn.at)));
              for (const { name, parts: of } of conversationDefinitions) {
                const { numerator, denominator } = of(sums);
                if (ofTurns[name] !== undefined)
                  expect([name, numerator, denominator]).toEqual([name, ...ofTurns[name]]);
              }
            }
          }
          const lastDay = log.at(-1)?.receivedAt.getTime() ?? from;
          for (let known = startOfDay(new Date(from)); known <= lastDay; known += day) {
            const then = log.filter(({ receivedAt }) => receivedAt.getTime() < known + day);
            const expected = tellKpis(
              tellConversations(then, held),
              () => true,
              Math.min(clock, known + day - 1),
            );
            const state = await stateKnownOn(metrics, tenantId, new Date(known));
            expect({ known: new Date(known), ...parts(state, names) }).toEqual({
              known: new Date(known),
              ...expected,
            });
          }
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
  },
);

test(
  'how the log is cut into batches leaves no trace in any conversation',
  { timeout: 300_000 },
  async () => {
    const metrics = await openMetricsRows(cluster);
    await fc.assert(
      fc.asyncProperty(conversationWorld, chances, async (world, stream) => {
        const tenantId = randomUUID();
        await metrics.forgetTime();
        const log = inOrder(conversationLog(conversationEvents(world, tenantId), stream));
        for (const batch of cutAtRandom(log, stream)) await metrics.fold(batch, 1);
        await metrics.fold(log, 2);
        expect(await metrics.differences(tenantId)).toEqual([]);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  },
);
