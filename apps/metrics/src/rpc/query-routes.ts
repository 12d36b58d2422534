import type { ServiceImpl } from '@connectrpc/connect';
import type { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { notYet } from './not-yet.ts';

/** Answers what MetricsService tells of one figure over time. */
export function createPointRoutes(
  _dependencies: AnswerDependencies,
): Pick<ServiceImpl<typeof MetricsService>, 'listKpiPoints'> {
  return { listKpiPoints: () => notYet('ListKpiPoints', 'list one KPI over time') };
}

type QueryRoutes = Pick<
  ServiceImpl<typeof AnalysisService>,
  'queryKpis' | 'compareKpis' | 'explainChange' | 'explainRevision'
>;

/** Answers what AnalysisService tells of any figures. */
export function createQueryRoutes(_dependencies: AnswerDependencies): QueryRoutes {
  return {
    queryKpis: () => notYet('QueryKpis', 'answer any figures by any dimensions'),
    compareKpis: () => notYet('CompareKpis', 'compare windows'),
    explainChange: () => notYet('ExplainChange', 'say why a figure changed'),
    explainRevision: () => notYet('ExplainRevision', 'say why a figure was another on an earlier day'),
  };
}
