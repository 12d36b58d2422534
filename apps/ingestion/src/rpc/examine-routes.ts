import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import {
  BotCollectionSchema,
  FindingSchema,
  Severity as SeverityMessage,
} from '@parley/contracts/parley/ingestion/v1/collection_service';
import type {
  BotCollection,
  CollectionService,
  ExamineCollectionRequest,
  Finding as FindingMessage,
} from '@parley/contracts/parley/ingestion/v1/collection_service';
import { invalidArgument } from '@parley/errors';
import type { ProjectionReader } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import type { PrivacyStore } from '../storage/privacy-store.ts';
import type { CollectionCounts } from '../storage/collection-counts.ts';
import {
  countFigures,
  countQuarantined,
  countUnlinkedConversions,
  listBots,
  listBusyHours,
  listUnknownIntents,
  sumCollected,
} from '../storage/collection.sql.ts';
import type { CollectedSums, ExaminedWindow, UnknownIntents } from '../storage/collection.sql.ts';
import {
  historyWeeks,
  judgeBot,
  judgeTenant,
  longestGap,
  sumOf,
  worstRank,
} from '../use-cases/judge-collection.ts';
import type { ExaminedBot, Finding, Severity } from '../use-cases/judge-collection.ts';
import { openPosition } from './open-position.ts';

export interface ExaminingDependencies {
  readonly reader: ProjectionReader;
  readonly positions: PositionSealer;
  readonly counts: Pick<CollectionCounts, 'flush'>;
  readonly privacy: Pick<PrivacyStore, 'contentMode'>;
  readonly now: Now;
}

const dayMs = 24 * 3_600_000;
const usualWindowMs = 7 * dayMs;
const mostWindowMs = 35 * dayMs;

/** Those that the guide and this product's documents name. */
const knownIntents = [
  ...['escalate', 'abandoned', 'fallback', 'purchase', 'pricing', 'support', 'complaint', 'cancel', 'refund'],
  ...['greeting', 'goodbye'],
];

/** The collection doctor. */
export function createExamining({
  reader,
  positions,
  counts,
  privacy,
  now,
}: ExaminingDependencies): Pick<ServiceImpl<typeof CollectionService>, 'examineCollection'> {
  return {
    async examineCollection(request, context) {
      const tenant = tenantOf(context);
      const { tenantId, partition } = tenant;
      const window = windowOf(request, now());
      const minPosition = openPosition(positions, tenant, request.minPosition);
      const keepsTexts = (await privacy.contentMode(tenant)) !== 'off';
      // What this process has counted so far belongs to the answer.
      await counts.flush();
      return reader.read(
        { tenantId, partition, minPosition, signal: context.signal },
        async ({ tx, generation }) => {
          const scope = { partition, generation, tenantId };
          const known = await listBots(tx, scope, request.botId || undefined);
          const bots = known.map((bot) => bot.bot_id);
          const history = {
            start: new Date(window.end.getTime() - historyWeeks * 7 * dayMs),
            end: window.end,
          };
          const figures = byBot(await countFigures(tx, scope, bots, window, now()));
          const intents = byBot(await listUnknownIntents(tx, scope, bots, window, knownIntents));
          const hours = byBot(await listBusyHours(tx, scope, bots, history));
          const quarantined = await countQuarantined(tx, scope, window);
          const all = await sumCollected(tx, scope, window);
          const botId = request.botId || undefined;
          const collected = botId === undefined ? all : all.filter((sums) => sums.bot_id === botId);
          // Those that name no known interaction are of no known bot.
          const conversions =
            botId === undefined
              ? await countUnlinkedConversions(tx, scope, window)
              : { conversions: 0n, unlinked: 0n };

          const examined = known.map((bot): ExaminedBot => ({
            known: bot,
            figures: figures.get(bot.bot_id),
            unknownIntents: withCounts(intents.get(bot.bot_id)),
            keepsTexts,
            busyHours: hours.get(bot.bot_id)?.hours ?? [],
          }));
          const judged = examined
            .map((bot) => ({ bot, findings: judgeBot(bot, window) }))
            .toSorted((a, b) => worstRank(a.findings) - worstRank(b.findings));
          const hasBots = known.length > 0;
          return {
            bots: judged.map(({ bot, findings }) => toBot(bot, findings, window, byBot(all))),
            findings: judgeTenant({ botId, hasBots, collected, quarantined, ...conversions }).map(toFinding),
            duplicateCount: sumOf(collected, 'duplicate'),
            quarantinedCount: quarantined.reduce((sum, { events }) => sum + events, 0n),
            refusedCount: sumOf(collected, 'refused'),
            ...(botId === undefined && toOtherBots(all.filter((sums) => isOther(sums, bots)))),
          };
        },
      );
    },
  };
}

function windowOf({ windowStart, windowEnd }: ExamineCollectionRequest, now: Date): ExaminedWindow {
  const end = windowEnd === undefined ? now : timestampDate(windowEnd);
  const start =
    windowStart === undefined ? new Date(end.getTime() - usualWindowMs) : timestampDate(windowStart);
  const ms = end.getTime() - start.getTime();
  if (ms > 0 && ms <= mostWindowMs) return { start, end };
  throw invalidArgument([
    {
      field: 'window_end',
      description: 'must be after window_start, at most 35 days',
      reason: ms > 0 ? 'WINDOW_TOO_LONG' : 'WINDOW_REVERSED',
    },
  ]);
}

function byBot<Row extends { readonly bot_id: string }>(rows: readonly Row[]): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [row.bot_id, row]));
}

function toBot(
  { known, figures, unknownIntents, busyHours }: ExaminedBot,
  findings: readonly Finding[],
  window: ExaminedWindow,
  collected: ReadonlyMap<string, CollectedSums>,
): BotCollection {
  const sums = collected.get(known.bot_id);
  const gap = longestGap(busyHours, window);
  const eventCount = figures?.events ?? 0n;
  const skew = figures?.skew_ms ?? undefined;
  const nullRate = (field: string, nullCount: bigint | undefined) => ({
    field: `interaction.${field}`,
    nullCount: nullCount ?? 0n,
    eventCount,
  });
  return create(BotCollectionSchema, {
    botId: known.bot_id,
    lastReceivedAt: timestampFromDate(known.received_at),
    interactionCount: eventCount,
    ...(gap && { longestGap: { start: timestampFromDate(gap.start), end: timestampFromDate(gap.end) } }),
    nullRates: [
      nullRate('intent', figures?.without_intent),
      nullRate('member_id', figures?.without_member),
      nullRate('conversation_id', figures?.without_conversation),
      nullRate('message_text', figures?.without_message),
    ],
    clockSkewMs: skew === undefined ? undefined : BigInt(Math.round(skew)),
    unknownIntents: unknownIntents.map(({ intent }) => intent),
    futureCount: figures?.future ?? 0n,
    ancientCount: figures?.ancient ?? 0n,
    uncompletedCount: figures?.uncompleted ?? 0n,
    findings: findings.map(toFinding),
    duplicateCount: sums?.duplicate ?? 0n,
    conflictCount: sums?.conflict ?? 0n,
    rejectedCount: sums?.rejected ?? 0n,
    refusedCount: sums?.refused ?? 0n,
  });
}

/** Of a bot that is not among those that are told of. */
function isOther({ bot_id: botId }: CollectedSums, bots: readonly string[]): boolean {
  return botId !== '' && !bots.includes(botId);
}

function toOtherBots(others: readonly CollectedSums[]) {
  if (others.length === 0) return {};
  const otherBots = {
    acceptedCount: sumOf(others, 'accepted'),
    duplicateCount: sumOf(others, 'duplicate'),
    conflictCount: sumOf(others, 'conflict'),
    rejectedCount: sumOf(others, 'rejected'),
    refusedCount: sumOf(others, 'refused'),
  };
  return { otherBots };
}

function withCounts(unknown: UnknownIntents | undefined): ExaminedBot['unknownIntents'] {
  return (unknown?.intents ?? []).map((intent, index) => ({ intent, count: unknown?.counts[index] ?? 0 }));
}

const severities: Readonly<Record<Severity, SeverityMessage>> = {
  info: SeverityMessage.INFO,
  warning: SeverityMessage.WARNING,
  critical: SeverityMessage.CRITICAL,
};

function toFinding({ code, severity, evidence, advice }: Finding): FindingMessage {
  return create(FindingSchema, { code, severity: severities[severity], evidence, advice });
}
