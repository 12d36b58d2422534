import { create } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { RealTimeMetricsSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { allKpiMeanings } from '@parley/kpi';
import type { ProjectionProgress, ProjectionWatermark } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import { kpiProjection } from '../projection/kpi-projection.ts';
import { createLiveFeed } from '../use-cases/live-feed.ts';
import {
  readAudienceDashboard,
  readDashboards,
  readRevenueDashboard,
  readSumsAndLatencies,
} from '../use-cases/read-dashboards.ts';
import type { DashboardQuestion } from '../use-cases/read-dashboards.ts';
import { readSums, readSumsAndPeople } from '../use-cases/read-kpis.ts';
import { readConversations } from '../use-cases/read-conversations.ts';
import type { KpiQuestion } from '../use-cases/read-kpis.ts';
import {
  toAudience,
  toContext,
  toConversations,
  toCustomerExperience,
  toDefinition,
  toEngagement,
  toOperational,
  toRealTime,
  toRevenue,
} from './kpi-messages.ts';
import { createExplainRoutes } from './explain-routes.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { createHealthRoutes } from './health-routes.ts';
import { toQuestion } from './parse-question.ts';
import type { KpiRequest } from './parse-question.ts';
import { lastHour, parseWindow } from './parse-window.ts';
import type { ZonedWindow } from './parse-window.ts';
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
  const windowOf = ({ window }: KpiRequest, handler: HandlerContext): ZonedWindow =>
    parseWindow(window, { tenantTimeZone: tenantOf(handler).timeZone, now: now() });

  const sumsAndPeopleOf = async (request: KpiRequest, handler: HandlerContext) => {
    const window = windowOf(request, handler);
    const question = toQuestion(request, window, positions, handler);
    const { state, people, watermark } = await readSumsAndPeople(reader, question);
    return { state, people, context: toContext(question, window, watermark, positions) };
  };
  const conversationsOf = async (request: KpiRequest, handler: HandlerContext) => {
    const window = windowOf(request, handler);
    const question = toQuestion(request, window, positions, handler);
    const { conversations, watermark } = await readConversations(reader, question);
    return { conversations, context: toContext(question, window, watermark, positions) };
  };

  const dashboardQuestionOf = (request: KpiRequest, handler: HandlerContext): DashboardQuestion => {
    const window = windowOf(request, handler);
    return {
      ...toQuestion(request, window, positions, handler),
      timeZone: window.timeZone,
    };
  };
  const contextOf = (question: DashboardQuestion, watermark: ProjectionWatermark) =>
    toContext(question, { ...question.window, timeZone: question.timeZone }, watermark, positions);

  const realTime = createLiveFeed<RealTimeQuestion, RealTimeAnswer>({
    keyOf: ({ tenantId, botId, groupId, timeZone }) => JSON.stringify([tenantId, botId, groupId, timeZone]),
    async read(asked, signal) {
      const window = lastHour(now(), asked.timeZone);
      const { state, watermark } = await readSums(reader, { ...asked, window, isLive: true, signal });
      return {
        metrics: create(RealTimeMetricsSchema, toRealTime(state)),
        context: toContext(asked, window, watermark, positions),
      };
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
      const { conversations, context } = await conversationsOf(request, handler);
      return { kpis: toCustomerExperience(conversations.interactions, conversations), context };
    },
    async getOperationalKpis(request, handler) {
      const window = windowOf(request, handler);
      const question = toQuestion(request, window, positions, handler);
      const { state, latencies, watermark } = await readSumsAndLatencies(reader, question);
      return {
        kpis: toOperational(state, latencies),
        context: toContext(question, window, watermark, positions),
      };
    },
    async getEngagementKpis(request, handler) {
      const { state, people, context } = await sumsAndPeopleOf(request, handler);
      return { kpis: toEngagement(state, people), context };
    },
    async getRevenueKpis(request, handler) {
      const question = dashboardQuestionOf(request, handler);
      const { earnings, watermark } = await readRevenueDashboard(reader, question);
      return { kpis: toRevenue(earnings), context: contextOf(question, watermark) };
    },
    async getAudienceKpis(request, handler) {
      const question = dashboardQuestionOf(request, handler);
      const found = await readAudienceDashboard(reader, question);
      const { state, people, audience, lifecycle, watermark } = found;
      return {
        kpis: toAudience(state, people, audience, lifecycle),
        context: contextOf(question, watermark),
      };
    },
    async getKpis(request, handler) {
      const question = dashboardQuestionOf(request, handler);
      const found = await readDashboards(reader, question);
      const { state, people, latencies, conversations, earnings, audience, watermark } = found;
      return {
        customerExperience: toCustomerExperience(state, conversations),
        operational: toOperational(state, latencies),
        engagement: toEngagement(state, people),
        conversations: toConversations(conversations),
        revenue: toRevenue(earnings),
        audience: toAudience(state, people, audience),
        context: contextOf(question, watermark),
      };
    },
    async getConversationKpis(request, handler) {
      const { conversations, context } = await conversationsOf(request, handler);
      return { kpis: toConversations(conversations), context };
    },
    async getRealTimeMetrics(request, handler) {
      const window = lastHour(now(), tenantOf(handler).timeZone);
      const question = { ...toQuestion(request, window, positions, handler), isLive: true };
      const { state, watermark } = await readSums(reader, question);
      return { metrics: toRealTime(state), context: toContext(question, window, watermark, positions) };
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

/** Whose last hour is watched. */
interface RealTimeQuestion extends Omit<KpiQuestion, 'window' | 'signal'> {
  readonly timeZone: string;
}
