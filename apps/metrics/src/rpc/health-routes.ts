import type { ServiceImpl } from '@connectrpc/connect';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { notYet } from './not-yet.ts';

type HealthRoutes = Pick<ServiceImpl<typeof MetricsService>, 'checkBotHealth' | 'listBotPerformanceMetrics'>;

/** Answers how bots are. */
export function createHealthRoutes(_dependencies: AnswerDependencies): HealthRoutes {
  return {
    listBotPerformanceMetrics: () => notYet('ListBotPerformanceMetrics', 'list metrics of bots by period'),
    checkBotHealth: () => notYet('CheckBotHealth', 'say how a bot is'),
  };
}
