import { cutLocal, cutWindow } from '@parley/calendar';
import type { TimeZone } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { emptyRevenue, netOf, revenueIn } from '@parley/kpi';
import type {
  AudienceFacts,
  ConversationSums,
  DistinctCounts,
  LatencyBins,
  LifecycleFacts,
  Revenue,
  RevenueFacts,
} from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import { readDistinctCounts } from '../storage/active-people.sql.ts';
import { readConversationState } from '../storage/conversation-state.sql.ts';
import type { CutWindow } from '../storage/cut-parameters.ts';
import { readKpiState } from '../storage/kpi-state.sql.ts';
import type { ReadScope } from '../storage/kpi-state.sql.ts';
import { readLatencyBins } from '../storage/latency-bins.sql.ts';
import { readMembers, readPayers } from '../storage/members.sql.ts';
import { readRevenue, totalRevenue } from '../storage/revenue.sql.ts';
import { readConversationSums } from './read-conversations.ts';
import type { KpiQuestion, Sums } from './read-kpis.ts';

const dayMs = 86_400_000;

/** A question about days, which begin in a zone. */
export interface DashboardQuestion extends KpiQuestion {
  readonly timeZone: TimeZone;
}

/** The sums of a window with its response times. */
export interface SumsAndLatencies extends Sums {
  readonly latencies: LatencyBins;
}

/** What was earned in a window, in the tenant's currency and in each. */
export interface Earnings {
  readonly facts: RevenueFacts;
  readonly byCurrency: Revenue;
}

/** Everything that the dashboards of one window show. */
export interface Dashboards extends SumsAndLatencies {
  readonly people: DistinctCounts;
  readonly conversations: ConversationSums;
  readonly earnings: Earnings;
  readonly audience: AudienceFacts;
}

/** The sums and response times of a window, in one snapshot. Throws as the reader does. */
export function readSumsAndLatencies(
  reader: ProjectionReader,
  question: KpiQuestion,
): Promise<SumsAndLatencies> {
  return reader.read(question, async ({ tx, generation, watermark }) => ({
    state: await readKpiState(tx, { ...question, generation }, question.window),
    latencies: await readLatencyBins(tx, { ...question, generation }, question.window),
    watermark,
  }));
}

/** All dashboards of a window, in one snapshot. Throws as the reader does. */
export function readDashboards(reader: ProjectionReader, question: DashboardQuestion): Promise<Dashboards> {
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const state = await readKpiState(tx, scope, question.window);
    const people = await readDistinctCounts(tx, scope, question.window);
    const counts = await readMemberCounts(tx, scope, question);
    const at = { tx, generation, completeTo: watermark.completeTo };
    const conversations = await readConversationSums(question, state, at);
    return {
      state,
      people,
      conversations,
      latencies: await readLatencyBins(tx, scope, question.window),
      earnings: await readEarnings(tx, scope, question, {
        interactionCount: state.interactionCount,
        conversationCount: conversations.conversations.conversationCount,
        dayCounts: counts.dayCounts,
      }),
      audience: { interactionCount: state.interactionCount, ...counts },
      watermark,
    };
  });
}

/** What was earned in a window, in one snapshot. Throws as the reader does. */
export function readRevenueDashboard(
  reader: ProjectionReader,
  question: DashboardQuestion,
): Promise<Sums & { readonly earnings: Earnings }> {
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const state = await readKpiState(tx, scope, question.window);
    const dayCounts = (await readMembers(tx, scope, daysOf(question))).map(({ length }) => length);
    const { interactionCount } = state;
    const { conversationCount } = await readConversationState(tx, scope, question.window);
    const known = { interactionCount, conversationCount, dayCounts };
    return {
      state,
      earnings: await readEarnings(tx, scope, question, known),
      watermark,
    };
  });
}

/** Who was there in a window and before it, in one snapshot. Throws as the reader does. */
export function readAudienceDashboard(
  reader: ProjectionReader,
  question: DashboardQuestion,
): Promise<
  Sums & {
    readonly people: DistinctCounts;
    readonly audience: AudienceFacts;
    readonly lifecycle: LifecycleFacts;
  }
> {
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const { start, end } = question.window;
    const state = await readKpiState(tx, scope, question.window);
    const { interactionCount } = state;
    const days = daysOf(question);
    const length = end.getTime() - start.getTime();
    const [week, month, window, before, ever, ...ofDays] = await readMembers(tx, scope, [
      ...weekAndMonth(end),
      question.window,
      toWindow(new Date(start.getTime() - length), start),
      toWindow(new Date(0), start),
      ...days,
    ]);
    return {
      state,
      people: await readDistinctCounts(tx, scope, question.window),
      audience: {
        interactionCount,
        dayCounts: ofDays.map((members) => members.length),
        weekCount: week?.length ?? 0,
        monthCount: month?.length ?? 0,
      },
      lifecycle: {
        interactionCount,
        days: ofDays,
        window: window ?? [],
        before: before ?? [],
        ever: ever ?? [],
      },
      watermark,
    };
  });
}

/** How many members there were on each day, and in the week and the month up to the window's end. */
async function readMemberCounts(
  tx: Transaction,
  scope: ReadScope,
  question: DashboardQuestion,
): Promise<Omit<AudienceFacts, 'interactionCount'>> {
  const found = await readMembers(tx, scope, [...weekAndMonth(question.window.end), ...daysOf(question)]);
  const [weekCount = 0, monthCount = 0, ...dayCounts] = found.map(({ length }) => length);
  return { dayCounts, weekCount, monthCount };
}

async function readEarnings(
  tx: Transaction,
  scope: ReadScope,
  question: DashboardQuestion,
  known: Pick<RevenueFacts, 'interactionCount' | 'conversationCount'> & {
    readonly dayCounts: readonly number[];
  },
): Promise<Earnings> {
  const { currencyCode, window } = question;
  const days = await readRevenue(tx, scope, daysOf(question));
  const byCurrency = totalRevenue(days);
  const payers = await readPayers(tx, scope, window, currencyCode);
  return {
    byCurrency,
    facts: {
      currencyCode,
      revenue: byCurrency.get(currencyCode) ?? emptyRevenue,
      interactionCount: known.interactionCount,
      conversationCount: known.conversationCount,
      payingMemberCount: payers.length,
      days: days.map((day, index) => ({
        netMinorUnits: netOf(revenueIn(currencyCode, day)),
        activeMemberCount: known.dayCounts[index] ?? 0,
      })),
    },
  };
}

/** The days of the zone that the window holds, the first and the last perhaps in part. */
function daysOf({ window, timeZone }: DashboardQuestion): readonly CutWindow[] {
  return cutLocal('day', window.start, window.end, timeZone).map(({ start, end }) => toWindow(start, end));
}

function weekAndMonth(end: Date): readonly CutWindow[] {
  return [7, 30].map((days) => toWindow(new Date(end.getTime() - days * dayMs), end));
}

function toWindow(start: Date, end: Date): CutWindow {
  return { start, end, cut: cutWindow(start, end) };
}
