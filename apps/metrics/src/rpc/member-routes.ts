import type { ServiceImpl } from '@connectrpc/connect';
import type { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { notYet } from './not-yet.ts';

type MemberRoutes = Pick<
  ServiceImpl<typeof AnalysisService>,
  'getCohortRetention' | 'getFunnel' | 'getAttribution' | 'getDialectKpis'
>;

/** Answers what members did over time. */
export function createMemberRoutes(_dependencies: AnswerDependencies): MemberRoutes {
  return {
    getCohortRetention: () => notYet('GetCohortRetention', 'say who came back'),
    getFunnel: () => notYet('GetFunnel', 'say where members are lost'),
    getAttribution: () => notYet('GetAttribution', 'say what earned the money'),
    getDialectKpis: () => notYet('GetDialectKpis', 'give other products’ figures'),
  };
}
