import { create, toJsonString } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { cutWindow } from '@parley/calendar';
import type { LocalPeriod } from '@parley/calendar';
import type {
  AnalysisService,
  ChangePartSchema,
  KpiComparisonSchema,
} from '@parley/contracts/parley/metrics/v1/analysis_service';
import { KpiScopeSchema, KpiWindowSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import type { KpiScope, KpiWindow as KpiWindowMessage } from '@parley/contracts/parley/metrics/v1/kpi';
import { Dimension, Granularity } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { invalidArgument } from '@parley/errors';
import { figures, isComparable, isRatio } from '@parley/kpi';
import type { Figure } from '@parley/kpi';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { Dimension as DimensionName } from '../storage/figure-source.ts';
import { compareWindows, splitChange } from '../use-cases/compare-windows.ts';
import type { ChangeInParts, ComparedFigure, ComparedQuestion } from '../use-cases/compare-windows.ts';
import { explainRevision } from '../use-cases/explain-revision.ts';
import type { KpiQuestion, KpiWindow } from '../use-cases/kpi-question.ts';
import { readPoints } from '../use-cases/read-points.ts';
import type { PointPlace, PointsPage } from '../use-cases/read-points.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { toContext, toDay, toValue } from './kpi-messages.ts';
import { parseFigure } from './parse-figure.ts';
import { toQuestion } from './parse-question.ts';
import { parseWindow, windowBefore } from './parse-window.ts';

const usualPoints = 1_000;
const mostPoints = 10_000;
const usualParts = 20;
const mostParts = 1_000;
const hourMs = 3_600_000;

interface Asked {
  readonly scope?: KpiScope | undefined;
  readonly window?: KpiWindowMessage | undefined;
}

interface AskedPoints extends Asked {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** What is asked of points. */
interface PointsShape {
  readonly figures: readonly Figure[];
  readonly dimensions: readonly DimensionName[];
  readonly period: LocalPeriod | undefined;
}

/** Answers what MetricsService tells of one figure over time. */
export function createPointRoutes(
  dependencies: AnswerDependencies,
): Pick<ServiceImpl<typeof MetricsService>, 'listKpiPoints'> {
  const read = createPointReader(dependencies);
  return {
    async listKpiPoints(request, handler) {
      const shape: PointsShape = {
        figures: [parseFigure(request.kpi, 'kpi')],
        dimensions: toDimensions(request.dimension === Dimension.UNSPECIFIED ? [] : [request.dimension]),
        period: toPeriod(request.granularity) ?? 'day',
      };
      const { page, context, nextPageToken } = await read(request, shape, handler);
      return {
        points: page.points.map(({ start, end, values, figures: [value] }) => ({
          windowStart: timestampFromDate(start),
          windowEnd: timestampFromDate(end),
          dimensionValue: values[0] ?? '',
          ...(value && { value: toValue(value) }),
        })),
        nextPageToken,
        context,
      };
    },
  };
}

type QueryRoutes = Pick<
  ServiceImpl<typeof AnalysisService>,
  'queryKpis' | 'compareKpis' | 'explainChange' | 'explainRevision'
>;

/** Answers what AnalysisService tells of any figures. */
export function createQueryRoutes(dependencies: AnswerDependencies): QueryRoutes {
  const { reader, positions, now } = dependencies;
  const read = createPointReader(dependencies);
  const questionOf = (request: Asked, handler: HandlerContext): KpiQuestion => {
    const window = parseWindow(request.window, { tenantTimeZone: tenantOf(handler).timeZone, now: now() });
    return toQuestion({ scope: request.scope, minPosition: '' }, window, positions, handler);
  };
  const comparedOf = (
    request: Asked & { readonly baseline?: KpiWindowMessage | undefined },
    handler: HandlerContext,
  ): ComparedQuestion => {
    const question = questionOf(request, handler);
    const { timeZone: tenantTimeZone } = tenantOf(handler);
    const baseline =
      request.baseline === undefined
        ? windowBefore(question.window, request.window)
        : parseWindow(request.baseline, { tenantTimeZone, now: now(), field: 'baseline' });
    return { ...question, baseline };
  };
  const contextsOf = (question: ComparedQuestion, found: Pick<ChangeInParts, 'now' | 'before'>) => ({
    context: toContext(question, found.now, positions),
    baselineContext: toContext({ ...question, window: question.baseline }, found.before, positions),
  });
  return {
    async queryKpis(request, handler) {
      const shape: PointsShape = {
        figures: request.kpis.map((kpi, index) => parseFigure(kpi, `kpis[${index}]`)),
        dimensions: toDimensions(request.dimensions),
        period: toPeriod(request.granularity),
      };
      const { page, context, nextPageToken } = await read(request, shape, handler);
      return {
        rows: page.points.map(({ start, end, values, figures: found }) => ({
          windowStart: timestampFromDate(start),
          windowEnd: timestampFromDate(end),
          dimensionValues: [...values],
          values: found.map(toValue),
        })),
        nextPageToken,
        context,
      };
    },
    async compareKpis(request, handler) {
      const asked =
        request.kpis.length === 0
          ? figures.filter((figure) => isComparable(figure) && figure.meaning.group !== 'real_time')
          : [...new Set(request.kpis.map((kpi, index) => parseFigure(kpi, `kpis[${index}]`)))];
      const inOrder = figures.filter((figure) => asked.includes(figure));
      const question = comparedOf(request, handler);
      const found = await compareWindows(reader, question, inOrder);
      return { comparisons: found.figures.map(toComparison), ...contextsOf(question, found) };
    },
    async explainChange(request, handler) {
      const figure = parseFigure(request.kpi, 'kpi');
      if (!isRatio(figure)) {
        const description = `must be a rate or mean of sums; ${figure.meaning.name} is none, so no parts of it add up`;
        throw invalidArgument([{ field: 'kpi', description, reason: 'NOT_A_RATIO' }]);
      }
      // By each segment, of which a member may have several, parts would not add up.
      const dimensions = toDimensions(request.dimensions).map((dimension) =>
        dimension === 'segment' ? 'segments' : dimension,
      );
      const question = comparedOf(request, handler);
      const maxParts = pageSizeOf(request.maxParts, { usual: usualParts, most: mostParts });
      const found = await splitChange(reader, question, figure, { dimensions, maxParts });
      const { value, baseline, change, parts } = found;
      return {
        value: toValue(value),
        baseline: toValue(baseline),
        change,
        parts: parts.map(toPart),
        ...contextsOf(question, found),
      };
    },
    async explainRevision(request, handler) {
      const figure = parseFigure(request.kpi, 'kpi');
      const question = questionOf(request, handler);
      const { asOf } = question.window;
      if (asOf === undefined) {
        throw invalidArgument([{ field: 'window.as_of', description: 'is required', reason: 'REQUIRED' }]);
      }
      if (figure.needs.includes('users')) {
        const description = `must not be ${figure.meaning.name}: which users members are is kept as it is now alone`;
        throw invalidArgument([{ field: 'kpi', description, reason: 'NO_HISTORY' }]);
      }
      const { then, now: known, revisions, ...reach } = await explainRevision(reader, question, figure, asOf);
      return {
        then: toValue(then),
        now: toValue(known),
        revisions: revisions.map(({ knownOn, ...revision }) => ({ knownOn: toDay(knownOn), ...revision })),
        erasedSince: reach.erasedSince,
        context: toContext(question, reach, positions),
      };
    },
  };
}

/** Reads a page of points. */
function createPointReader({ reader, positions, now }: AnswerDependencies) {
  return async (request: AskedPoints, shape: PointsShape, handler: HandlerContext) => {
    const filters = filtersOf(request, shape);
    const asked = parseWindow(request.window, { tenantTimeZone: tenantOf(handler).timeZone, now: now() });
    const cursor = readCursor(request.pageToken, filters, shape);
    // One up to now would move on from page to page.
    const window = cursor === undefined ? asked : { ...asked, ...cursor.stretch };
    refuseMinutes(shape, window);
    const question = toQuestion({ scope: request.scope, minPosition: '' }, window, positions, handler);
    const page = await readPoints(reader, {
      ...question,
      ...shape,
      pageSize: pageSizeOf(request.pageSize, { usual: usualPoints, most: mostPoints }),
      after: cursor?.after,
    });
    return {
      page,
      context: toContext(question, page, positions),
      nextPageToken: page.hasMore ? writeCursor(filters, window, page) : '',
    };
  };
}

/** What is told by minute is told of an hour alone. */
function refuseMinutes({ figures: asked, period }: PointsShape, { start, end }: KpiWindow): void {
  const isHour = period === 'hour' || (period === undefined && end.getTime() - start.getTime() === hourMs);
  const figure = asked.find(({ meaning }) => meaning.unit === 'per_minute');
  if (figure === undefined || isHour) return;
  const description = `must be that of an hour for ${figure.meaning.name}; ask for total_interactions otherwise`;
  throw invalidArgument([{ field: 'granularity', description, reason: 'NOT_AN_HOUR' }]);
}

/** What must stay the same from page to page. */
function filtersOf({ scope, window }: AskedPoints, { figures: asked, dimensions, period }: PointsShape) {
  return [
    asked.map(({ meaning }) => meaning.definitionId).join(' '),
    dimensions.join(' '),
    period ?? '',
    toJsonString(KpiScopeSchema, scope ?? create(KpiScopeSchema)),
    toJsonString(KpiWindowSchema, window ?? create(KpiWindowSchema)),
  ];
}

function writeCursor(filters: readonly string[], { start, end }: KpiWindow, { points }: PointsPage): string {
  const last = points.at(-1);
  if (last === undefined) return '';
  const stretch = [start, end].map((at) => String(at.getTime()));
  return writePageToken(filters, [...stretch, String(last.position), ...last.values]);
}

/** @throws DomainError `invalid-argument` for what is no token of this call with these fields. */
function readCursor(
  token: string,
  filters: readonly string[],
  { dimensions }: PointsShape,
): { readonly stretch: Pick<KpiWindow, 'start' | 'end' | 'cut'>; readonly after: PointPlace } | undefined {
  const cursor = readPageToken(token, filters, 3 + dimensions.length);
  if (cursor === undefined) return undefined;
  const [from, to, place, ...values] = cursor;
  const [start, end] = [readTokenTime(from), readTokenTime(to)];
  const position = Number(place);
  if (!(start < end) || !Number.isSafeInteger(position) || position < 0) {
    const description = 'must be the next_page_token of an answer to the same request';
    throw invalidArgument([{ field: 'page_token', description, reason: 'INVALID_PAGE_TOKEN' }]);
  }
  return { stretch: { start, end, cut: cutWindow(start, end) }, after: { position, values } };
}

const dimensionNames: Readonly<Record<Dimension, DimensionName | undefined>> = {
  [Dimension.UNSPECIFIED]: undefined,
  [Dimension.BOT]: 'bot',
  [Dimension.GROUP]: 'group',
  [Dimension.INTENT]: 'intent',
  [Dimension.SENTIMENT]: 'sentiment',
  [Dimension.SEGMENT]: 'segment',
  [Dimension.CHANNEL]: 'channel',
};

function toDimensions(asked: readonly Dimension[]): readonly DimensionName[] {
  return asked.flatMap((dimension) => dimensionNames[dimension] ?? []);
}

function toPeriod(granularity: Granularity): LocalPeriod | undefined {
  switch (granularity) {
    case Granularity.HOUR:
      return 'hour';
    case Granularity.DAY:
      return 'day';
    case Granularity.WEEK:
      return 'week';
    case Granularity.MONTH:
      return 'month';
    default:
      return undefined;
  }
}

function toComparison({
  value,
  baseline,
  change,
}: ComparedFigure): MessageInitShape<typeof KpiComparisonSchema> {
  return {
    value: toValue(value),
    baseline: toValue(baseline),
    change: change.change,
    relativeChange: change.relativeChange,
    ...(change.interval && { changeInterval: { ...change.interval } }),
    ...(change.pValue !== undefined && { pValue: change.pValue }),
    significant: change.isSignificant,
    method: change.method ?? '',
  };
}

function toPart({
  part,
  value,
  baseline,
}: ChangeInParts['parts'][number]): MessageInitShape<typeof ChangePartSchema> {
  return {
    dimensionValues: [...part.values],
    value: toValue(value),
    baseline: toValue(baseline),
    share: part.shareNow,
    baselineShare: part.shareBefore,
    mix: part.mix,
    rate: part.rate,
  };
}
