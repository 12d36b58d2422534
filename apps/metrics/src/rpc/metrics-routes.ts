import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import {
  AudienceKpisSchema,
  ConversationKpisSchema,
  CustomerExperienceKpisSchema,
  EngagementKpisSchema,
  OperationalKpisSchema,
  RealTimeMetricsSchema,
  RevenueKpisSchema,
} from '@parley/contracts/parley/metrics/v1/kpi';
import type { RealTimeMetrics } from '@parley/contracts/parley/metrics/v1/kpi';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { allKpiMeanings, realTimeWindowSeconds } from '@parley/kpi';
import type { Figure, KpiValue } from '@parley/kpi';
import type { ProjectionProgress } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import { kpiProjection } from '../projection/kpi-projection.ts';
import type { KpiQuestion } from '../use-cases/kpi-question.ts';
import { createLiveFeed } from '../use-cases/live-feed.ts';
import { evaluateFigures, needsOf, readAnswer } from '../use-cases/read-figures.ts';
import type { InputCell, Need } from '../use-cases/read-figures.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { createExplainRoutes } from './explain-routes.ts';
import { createHealthRoutes } from './health-routes.ts';
import {
  figuresOf,
  toActiveDays,
  toContext,
  toCurrencies,
  toDashboard,
  toDefinition,
  toSentiments,
} from './kpi-messages.ts';
import { toQuestion } from './parse-question.ts';
import type { KpiRequest } from './parse-question.ts';
import { lastHour, parseWindow } from './parse-window.ts';
import { createPointRoutes } from './query-routes.ts';
import { isSameMetrics, toWatchResponses } from './watch-real-time.ts';
import type { RealTimeAnswer } from './watch-real-time.ts';

export interface MetricsRoutesDependencies extends AnswerDependencies {
  readonly progress: ProjectionProgress;
}

/** At most twice a second. */
const watchSpacingMs = 500;
/** Events leave the last hour also while none come. */
const watchPollMs = 1_000;
/** A watcher hears at least this often. */
const watchQuietMs = 15_000;

/** Answers MetricsService. */
export function createMetricsRoutes(
  dependencies: MetricsRoutesDependencies,
): ServiceImpl<typeof MetricsService> {
  const { reader, progress, positions, now } = dependencies;
  const questionOf = (request: KpiRequest, handler: HandlerContext): KpiQuestion => {
    const window = parseWindow(request.window, { tenantTimeZone: tenantOf(handler).timeZone, now: now() });
    return toQuestion(request, window, positions, handler);
  };

  /** Figures of one window, by their names, with what they were computed from. */
  const read = async (question: KpiQuestion, figures: readonly Figure[], more: readonly Need[] = []) => {
    const needs = new Set([...needsOf(figures), ...more]);
    const answer = await readAnswer(reader, question, { needs });
    const [cell] = answer.cells;
    if (cell === undefined) throw new Error('A window without a cell.');
    const values = new Map(
      evaluateFigures(figures, cell, question.window.asOf).map(
        (value, index) => [figures[index]?.meaning.name ?? '', value] as const,
      ),
    );
    return { values, cell, context: toContext(question, answer, positions) };
  };

  const realTime = createLiveFeed<RealTimeQuestion, RealTimeAnswer>({
    keyOf: ({ tenantId, botId, groupId, intent, channel, sentiment, segment, timeZone }) =>
      JSON.stringify([tenantId, botId, groupId, intent, channel, sentiment, segment, timeZone]),
    async read({ timeZone, ...asked }, signal) {
      const question = { ...asked, window: lastHour(now(), timeZone), isLive: true, signal };
      const { values, context } = await read(question, realTimeFigures);
      return { metrics: toRealTime(values), context };
    },
    untilChanged({ partition }, signal) {
      const { name } = kpiProjection;
      // Where another process moves the projection nothing is heard of it here.
      return progress.untilChanged(
        name,
        partition,
        progress.isWorkedHere(name, partition) ? watchPollMs : 0,
        signal,
      );
    },
    isSame: (before, after) => isSameMetrics(before.metrics, after.metrics),
    spacingMs: watchSpacingMs,
    quietMs: watchQuietMs,
  });

  return {
    async getCustomerExperienceKpis(request, handler) {
      const figures = figuresOf(CustomerExperienceKpisSchema);
      const { values, cell, context } = await read(questionOf(request, handler), figures);
      return { kpis: toCustomerExperience(values, cell), context };
    },
    async getOperationalKpis(request, handler) {
      const { values, context } = await read(questionOf(request, handler), figuresOf(OperationalKpisSchema));
      return { kpis: toDashboard(OperationalKpisSchema, values), context };
    },
    async getEngagementKpis(request, handler) {
      const { values, context } = await read(questionOf(request, handler), figuresOf(EngagementKpisSchema));
      return { kpis: toDashboard(EngagementKpisSchema, values), context };
    },
    async getConversationKpis(request, handler) {
      const { values, context } = await read(questionOf(request, handler), figuresOf(ConversationKpisSchema));
      return { kpis: toDashboard(ConversationKpisSchema, values), context };
    },
    async getRevenueKpis(request, handler) {
      const figures = figuresOf(RevenueKpisSchema);
      const { values, cell, context } = await read(questionOf(request, handler), figures);
      return { kpis: toRevenue(values, cell), context };
    },
    async getAudienceKpis(request, handler) {
      const figures = figuresOf(AudienceKpisSchema);
      const { values, cell, context } = await read(questionOf(request, handler), figures, ['active_days']);
      const kpis = toDashboard(AudienceKpisSchema, values);
      return { kpis: { ...kpis, activeDayDistribution: toActiveDays(cell.inputs.lifecycle) }, context };
    },
    async getKpis(request, handler) {
      const { values, cell, context } = await read(questionOf(request, handler), dashboardFigures);
      return {
        customerExperience: toCustomerExperience(values, cell),
        operational: toDashboard(OperationalKpisSchema, values),
        engagement: toDashboard(EngagementKpisSchema, values),
        conversations: toDashboard(ConversationKpisSchema, values),
        revenue: toRevenue(values, cell),
        audience: toDashboard(AudienceKpisSchema, values),
        context,
      };
    },
    async getRealTimeMetrics(request, handler) {
      const window = lastHour(now(), tenantOf(handler).timeZone);
      const question = { ...toQuestion(request, window, positions, handler), isLive: true };
      const { values, context } = await read(question, realTimeFigures);
      return { metrics: toRealTime(values), context };
    },
    watchRealTimeMetrics({ scope, resumeToken }, handler) {
      const { timeZone } = tenantOf(handler);
      const window = lastHour(now(), timeZone);
      const question = toQuestion({ scope, minPosition: '' }, window, positions, handler);
      const answers = realTime.watch({ ...question, timeZone }, handler.signal);
      return toWatchResponses(answers, { resumeToken, handler, now });
    },
    listKpiDefinitions: () => ({ definitions: allKpiMeanings.map(toDefinition) }),

    ...createPointRoutes(dependencies),
    ...createExplainRoutes(dependencies),
    ...createHealthRoutes(dependencies),
  };
}

const realTimeFigures = figuresOf(RealTimeMetricsSchema);
/** All of a tenant's time is read for it, so that GetAudienceKpis alone tells of it. */
const lifecycle = new Set(['new_members', 'returning_members', 'resurrected_members', 'dormant_members']);
/** What GetKpis tells. */
const dashboardFigures = [
  ...figuresOf(CustomerExperienceKpisSchema),
  ...figuresOf(OperationalKpisSchema),
  ...figuresOf(EngagementKpisSchema),
  ...figuresOf(ConversationKpisSchema),
  ...figuresOf(RevenueKpisSchema),
  ...figuresOf(AudienceKpisSchema, lifecycle),
];

type Values = ReadonlyMap<string, KpiValue>;

function toCustomerExperience(values: Values, { inputs }: InputCell) {
  const kpis = toDashboard(CustomerExperienceKpisSchema, values);
  return { ...kpis, sentimentDistribution: toSentiments(inputs.sums) };
}

function toRevenue(values: Values, { byCurrency }: InputCell) {
  return { ...toDashboard(RevenueKpisSchema, values), byCurrency: toCurrencies(byCurrency) };
}

function toRealTime(values: Values): RealTimeMetrics {
  const metrics = toDashboard(RealTimeMetricsSchema, values);
  return { ...metrics, windowSeconds: BigInt(realTimeWindowSeconds) };
}

/** Whose last hour is watched. */
interface RealTimeQuestion extends Omit<KpiQuestion, 'window' | 'signal'> {
  readonly timeZone: string;
}
