import { create } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { parseTimeZone } from '@parley/calendar';
import { KpiScopeSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { invalidArgument } from '@parley/errors';
import { tenantOf } from '@parley/rpc';
import { checkBotHealth, healthWindow } from '../use-cases/check-bot-health.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { toHealth } from './health-messages.ts';
import { toContext } from './kpi-messages.ts';
import { notYet } from './not-yet.ts';
import { toQuestion } from './parse-question.ts';
import { firstMillisecond } from './parse-window.ts';

type HealthRoutes = Pick<ServiceImpl<typeof MetricsService>, 'checkBotHealth' | 'listBotPerformanceMetrics'>;

/** Answers how bots are. */
export function createHealthRoutes({ reader, positions, now }: AnswerDependencies): HealthRoutes {
  return {
    listBotPerformanceMetrics: () => notYet('ListBotPerformanceMetrics', 'list metrics of bots by period'),
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
