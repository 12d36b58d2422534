import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { PositionSealer } from '@parley/access';
import type { KpiScope, KpiWindow as KpiWindowMessage } from '@parley/contracts/parley/metrics/v1/kpi';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { DomainError, invalidArgument } from '@parley/errors';
import { kpiDefinitions } from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import { readSums, readSumsAndPeople } from '../use-cases/read-kpis.ts';
import type { KpiQuestion } from '../use-cases/read-kpis.ts';
import {
  toContext,
  toCustomerExperience,
  toDefinition,
  toEngagement,
  toOperational,
  toRealTime,
} from './kpi-messages.ts';
import { lastHour, parseWindow } from './parse-window.ts';
import type { ZonedWindow } from './parse-window.ts';

export interface MetricsRoutesDependencies {
  readonly reader: ProjectionReader;
  readonly positions: PositionSealer;
  readonly now: Now;
}

/** Answers MetricsService. */
export function createMetricsRoutes({
  reader,
  positions,
  now,
}: MetricsRoutesDependencies): ServiceImpl<typeof MetricsService> {
  const windowOf = ({ window }: KpiRequest, handler: HandlerContext): ZonedWindow =>
    parseWindow(window, { tenantTimeZone: tenantOf(handler).timeZone, now: now() });

  const sumsOf = async (request: KpiRequest, window: ZonedWindow, handler: HandlerContext) => {
    const question = toQuestion(request, window, positions, handler);
    const { state, watermark } = await readSums(reader, question);
    return { state, context: toContext(question, window, watermark, positions) };
  };
  const sumsAndPeopleOf = async (request: KpiRequest, handler: HandlerContext) => {
    const window = windowOf(request, handler);
    const question = toQuestion(request, window, positions, handler);
    const { state, people, watermark } = await readSumsAndPeople(reader, question);
    return { state, people, context: toContext(question, window, watermark, positions) };
  };

  return {
    async getCustomerExperienceKpis(request, handler) {
      const { state, context } = await sumsOf(request, windowOf(request, handler), handler);
      return { kpis: toCustomerExperience(state), context };
    },
    async getOperationalKpis(request, handler) {
      const { state, context } = await sumsOf(request, windowOf(request, handler), handler);
      return { kpis: toOperational(state), context };
    },
    async getEngagementKpis(request, handler) {
      const { state, people, context } = await sumsAndPeopleOf(request, handler);
      return { kpis: toEngagement(state, people), context };
    },
    async getKpis(request, handler) {
      const { state, people, context } = await sumsAndPeopleOf(request, handler);
      return {
        customerExperience: toCustomerExperience(state),
        operational: toOperational(state),
        engagement: toEngagement(state, people),
        context,
      };
    },
    async getRealTimeMetrics(request, handler) {
      const { state, context } = await sumsOf(request, lastHour(now(), tenantOf(handler).timeZone), handler);
      return { metrics: toRealTime(state), context };
    },
    listKpiDefinitions: () => ({ definitions: kpiDefinitions.map(toDefinition) }),

    getConversationKpis: () => notYet('GetConversationKpis', 'say how whole conversations went'),
    getRevenueKpis: () => notYet('GetRevenueKpis', 'say what is earned'),
    getAudienceKpis: () => notYet('GetAudienceKpis', 'say who is there'),
    watchRealTimeMetrics: () => notYet('WatchRealTimeMetrics', 'stream the real-time metrics as they change'),
    listKpiPoints: () => notYet('ListKpiPoints', 'list one KPI over time'),
    explainKpi: () => notYet('ExplainKpi', 'list the events behind a figure'),
    listBotPerformanceMetrics: () => notYet('ListBotPerformanceMetrics', 'list metrics of bots by period'),
    checkBotHealth: () => notYet('CheckBotHealth', 'say how a bot is'),
  };
}

/** What the calls that give figures ask for. */
interface KpiRequest {
  readonly scope?: KpiScope | undefined;
  readonly window?: KpiWindowMessage | undefined;
  readonly minPosition: string;
}

function toQuestion(
  { scope, minPosition }: KpiRequest,
  window: ZonedWindow,
  positions: PositionSealer,
  handler: HandlerContext,
): KpiQuestion {
  const { tenantId, partition } = tenantOf(handler);
  const isAwaited = minPosition !== '';
  return {
    tenantId,
    partition,
    botId: scope?.botId ?? '',
    groupId: scope?.groupId ?? '',
    window,
    minPosition: isAwaited ? openPosition(positions, minPosition, partition) : undefined,
    signal: isAwaited ? beforeDeadline(handler) : handler.signal,
  };
}

/** @throws DomainError `invalid-argument` for text that is no position of this partition. */
function openPosition(positions: PositionSealer, text: string, partition: number): bigint {
  const position = positions.open(text, 'min_position');
  if (position.partition === partition) return position.offset;
  const description = 'must be a position of this tenant';
  throw invalidArgument([{ field: 'min_position', description, reason: 'INVALID_POSITION' }]);
}

/** Ends shortly before the call's deadline, so that the caller is still told what was waited for in vain. */
function beforeDeadline(handler: HandlerContext): AbortSignal {
  const left = handler.timeoutMs();
  if (left === undefined) return handler.signal;
  return AbortSignal.any([handler.signal, AbortSignal.timeout(Math.max(Math.floor(left * 0.8), 0))]);
}

function notYet(method: string, purpose: string): never {
  throw new DomainError(`${method} is not implemented yet; a later release will ${purpose}.`, {
    kind: 'unimplemented',
    reason: 'NOT_IMPLEMENTED',
    facts: { method },
  });
}
