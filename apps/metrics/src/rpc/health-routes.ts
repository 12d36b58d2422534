import { create, toJsonString } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { parseTimeZone } from '@parley/calendar';
import { KpiScopeSchema, KpiWindowSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { invalidArgument } from '@parley/errors';
import { pageSizeOf, tenantOf } from '@parley/rpc';
import { checkBotHealth, healthWindow } from '../use-cases/check-bot-health.ts';
import { aggregationPeriods, listBotMetrics } from '../use-cases/list-bot-metrics.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { toBotMetric } from './bot-metric-messages.ts';
import { readMetricToken, writeMetricToken } from './bot-metric-token.ts';
import { toHealth } from './health-messages.ts';
import { toContext } from './kpi-messages.ts';
import { toQuestion } from './parse-question.ts';
import { firstMillisecond, parseWindow } from './parse-window.ts';

type HealthRoutes = Pick<ServiceImpl<typeof MetricsService>, 'checkBotHealth' | 'listBotPerformanceMetrics'>;

/** Answers how bots are. */
export function createHealthRoutes({ reader, positions, now }: AnswerDependencies): HealthRoutes {
  return {
    async listBotPerformanceMetrics(request, handler) {
      const { botId, metricType, aggregationPeriod } = request;
      const { tenantId, timeZone: tenantTimeZone } = tenantOf(handler);
      const asked = request.window === undefined ? '' : toJsonString(KpiWindowSchema, request.window);
      const filters = [tenantId, botId, metricType, aggregationPeriod, asked];
      const cursor = readMetricToken(request.pageToken, filters);
      const askedAt = cursor?.askedAt ?? now();
      const window = parseWindow(request.window, { tenantTimeZone, now: askedAt });
      const scope = create(KpiScopeSchema, { botId });
      const question = toQuestion({ scope, minPosition: '' }, window, positions, handler);
      const size = pageSizeOf(request.pageSize, { usual: 100 });
      const { metrics, watermark } = await listBotMetrics(reader, question, {
        type: metricType,
        period: aggregationPeriods.find((name) => name === aggregationPeriod),
        after: cursor?.after,
        limit: size + 1,
      });
      const last = metrics.length > size ? metrics[size - 1] : undefined;
      return {
        metrics: metrics.slice(0, size).map(toBotMetric),
        nextPageToken: last === undefined ? '' : writeMetricToken(filters, { askedAt, after: last.place }),
        context: toContext(question, { watermark }, positions),
      };
    },
    async checkBotHealth({ botId, at: asked, minPosition }, handler) {
      const at = parseAt(asked, now());
      const window = healthWindow(at, parseTimeZone(tenantOf(handler).timeZone));
      const scope = create(KpiScopeSchema, { botId });
      const question = toQuestion({ scope, minPosition }, window, positions, handler);
      const answer = await checkBotHealth(reader, question);
      return toHealth(answer, toContext(question, answer, positions));
    },
  };
}

const dayMs = 86_400_000;
const maxDaysAgo = 400;

/** @throws DomainError `invalid-argument` for an instant that is too long ago or too far to come. */
function parseAt(asked: Timestamp | undefined, now: Date): Date {
  if (asked === undefined) return now;
  const at = firstMillisecond(asked);
  const days = (at.getTime() - now.getTime()) / dayMs;
  if (days <= 1 && days >= -maxDaysAgo) return at;
  const description = `must be at most ${maxDaysAgo} days ago, and at most a day to come`;
  throw invalidArgument([{ field: 'at', description, reason: 'OUT_OF_RANGE' }]);
}
