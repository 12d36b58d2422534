import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { AttributionModel, RetentionMode } from '@parley/contracts/parley/metrics/v1/analysis_service';
import type { KpiScope, KpiWindow } from '@parley/contracts/parley/metrics/v1/kpi';
import { Dimension, Granularity } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { figures } from '@parley/kpi';
import type * as kpi from '@parley/kpi';
import { invalidArgument } from '@parley/errors';
import type { ProjectionWatermark } from '@parley/projection';
import { tenantOf } from '@parley/rpc';
import type { Dimension as DimensionName } from '../storage/figure-source.ts';
import type { CohortPeriod } from '../use-cases/cohort-periods.ts';
import { readAttribution } from '../use-cases/read-attribution.ts';
import { readRetention } from '../use-cases/read-cohorts.ts';
import { evaluateFigures, needsOf, readAnswer } from '../use-cases/read-figures.ts';
import { readFunnel } from '../use-cases/read-funnel.ts';
import { readLifetimeValue } from '../use-cases/read-lifetime-value.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { toContext, toDefinition, toValue } from './kpi-messages.ts';
import { toCredit, toFunnelStep, toLifetime, toRetention } from './member-messages.ts';
import { toQuestion } from './parse-question.ts';
import { parseWindow, parseWindowOfNow } from './parse-window.ts';

type MemberRoutes = Pick<
  ServiceImpl<typeof AnalysisService>,
  'getCohortRetention' | 'getLifetimeValue' | 'getFunnel' | 'getAttribution' | 'getDialectKpis'
>;

const minuteMs = 60_000;
const dayMs = 86_400_000;
const usualPeriods = 12;
const usualWithinSeconds = 7 * 86_400;
const usualLookbackDays = 30;
const dialects = figures.filter(({ meaning }) => meaning.group === 'dialects');

/** Answers what members did over time. */
export function createMemberRoutes({ reader, positions, now }: AnswerDependencies): MemberRoutes {
  /** The question that a call asks, and how its answer says for what it is. */
  const read = (
    { scope, window }: { readonly scope?: KpiScope | undefined; readonly window?: KpiWindow | undefined },
    handler: HandlerContext,
  ) => {
    const asked = parseWindowOfNow(window, { tenantTimeZone: tenantOf(handler).timeZone, now: now() });
    const question = {
      ...toQuestion({ scope, minPosition: '' }, asked, positions, handler),
      timeZone: asked.timeZone,
    };
    const contextOf = (watermark: ProjectionWatermark) => toContext(question, { watermark }, positions);
    return { question, contextOf };
  };
  return {
    async getCohortRetention(request, handler) {
      const { question, contextOf } = read(request, handler);
      const shape = toShape(request.mode, request.periodCount, request.bracketStarts);
      const period = toPeriod(request.granularity);
      const retention = await readRetention(reader, { ...question, shape, period });
      return { ...toRetention(retention, shape.mode), context: contextOf(retention.watermark) };
    },
    async getLifetimeValue(request, handler) {
      const { question, contextOf } = read(request, handler);
      const margin = request.margin ?? 1;
      const found = await readLifetimeValue(reader, {
        ...question,
        period: toPeriod(request.granularity),
        periodCount: request.periodCount || usualPeriods,
        margin,
      });
      return { ...toLifetime(found), margin, context: contextOf(found.watermark) };
    },
    async getFunnel(request, handler) {
      const { question, contextOf } = read(request, handler);
      const withinMs = Number(request.withinSeconds || usualWithinSeconds) * 1_000;
      if (withinMs < minuteMs) {
        const description = 'must be 0 or at least 60';
        throw invalidArgument([{ field: 'within_seconds', description, reason: 'OUT_OF_RANGE' }]);
      }
      const { steps, watermark } = await readFunnel(reader, { ...question, withinMs });
      return { steps: steps.map(toFunnelStep), context: contextOf(watermark) };
    },
    async getAttribution(request, handler) {
      const { question, contextOf } = read(request, handler);
      const { credits, watermark } = await readAttribution(reader, {
        ...question,
        model: models[request.model] ?? 'last',
        dimension: toDimension(request.dimension),
        lookbackMs: (request.lookbackDays || usualLookbackDays) * dayMs,
      });
      return { credits: credits.map(toCredit), context: contextOf(watermark) };
    },
    async getDialectKpis(request, handler) {
      const window = parseWindow(request.window, {
        tenantTimeZone: tenantOf(handler).timeZone,
        now: now(),
      });
      const asked = { scope: request.scope, minPosition: '' };
      const question = toQuestion(asked, window, positions, handler);
      const answer = await readAnswer(reader, question, { needs: needsOf(dialects) });
      return {
        values: answer.cells.flatMap((cell) => evaluateFigures(dialects, cell, window.asOf).map(toValue)),
        definitions: dialects.map(({ meaning }) => toDefinition(meaning)),
        context: toContext(question, answer, positions),
      };
    },
  };
}

const models: Readonly<Record<AttributionModel, kpi.AttributionModel>> = {
  [AttributionModel.UNSPECIFIED]: 'last',
  [AttributionModel.LAST]: 'last',
  [AttributionModel.FIRST]: 'first',
  [AttributionModel.LINEAR]: 'linear',
  [AttributionModel.TIME_DECAY]: 'time_decay',
  [AttributionModel.POSITION]: 'position',
};

/** The contract lets no hour through. */
function toPeriod(granularity: Granularity): CohortPeriod {
  if (granularity === Granularity.MONTH) return 'month';
  return granularity === Granularity.WEEK ? 'week' : 'day';
}

/** The contract lets none but these through. */
function toDimension(dimension: Dimension): DimensionName {
  switch (dimension) {
    case Dimension.GROUP:
      return 'group';
    case Dimension.INTENT:
      return 'intent';
    case Dimension.CHANNEL:
      return 'channel';
    default:
      return 'bot';
  }
}

/** @throws DomainError `invalid-argument` for brackets that are missing, not ascending, or asked for in another mode. */
function toShape(
  mode: RetentionMode,
  periodCount: number,
  bracketStarts: readonly number[],
): kpi.RetentionShape {
  const refuse = (field: string, description: string) =>
    invalidArgument([{ field, description, reason: 'INVALID_BRACKETS' }]);
  if (mode !== RetentionMode.BRACKET) {
    if (bracketStarts.length > 0) throw refuse('bracket_starts', 'must be empty but in the mode of brackets');
    return {
      mode: mode === RetentionMode.UNBOUNDED ? 'unbounded' : 'exact',
      periodCount: periodCount || usualPeriods,
    };
  }
  if (bracketStarts.length === 0) throw refuse('bracket_starts', 'is required in the mode of brackets');
  if (bracketStarts.some((start, index) => start <= (bracketStarts[index - 1] ?? 0))) {
    throw refuse('bracket_starts', 'must be ascending');
  }
  if (periodCount !== 0) throw refuse('period_count', 'must be 0 in the mode of brackets');
  return { mode: { bracketStarts }, periodCount: 0 };
}
