import type { ServiceImpl } from '@connectrpc/connect';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { notYet } from './not-yet.ts';

/** Answers what is behind a figure. */
export function createExplainRoutes(
  _dependencies: AnswerDependencies,
): Pick<ServiceImpl<typeof MetricsService>, 'explainKpi'> {
  return { explainKpi: () => notYet('ExplainKpi', 'list the events behind a figure') };
}
