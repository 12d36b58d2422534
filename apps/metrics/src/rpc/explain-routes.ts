import { fromBinary, toBinary, toJsonString, create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { KpiScopeSchema, KpiWindowSchema } from '@parley/contracts/parley/metrics/v1/kpi';
import { ExplainKpiResponseSchema } from '@parley/contracts/parley/metrics/v1/metrics_service';
import type {
  ExplainKpiRequest,
  ExplainKpiResponse,
  KpiRowSchema,
  MetricsService,
} from '@parley/contracts/parley/metrics/v1/metrics_service';
import { cutWindow, parseTimeZone } from '@parley/calendar';
import { invalidArgument } from '@parley/errors';
import { pageSizeOf, readPageToken, readTokenTime, tenantOf, writePageToken } from '@parley/rpc';
import type { RowCursor, RowKind } from '../storage/figure-rows.sql.ts';
import { explainFigure } from '../use-cases/explain-figure.ts';
import type { ExplainedFigure, TellableRow } from '../use-cases/explain-figure.ts';
import type { KpiWindow } from '../use-cases/kpi-question.ts';
import type { AnswerDependencies } from './answer-dependencies.ts';
import { toContext, toValue } from './kpi-messages.ts';
import { parseFigure } from './parse-figure.ts';
import { toQuestion } from './parse-question.ts';
import { lastHour, parseWindowOfNow } from './parse-window.ts';

const usualRows = 50;
const dayMs = 86_400_000;

/** What the first page told, which later ones tell again. */
type Told = Pick<ExplainKpiResponse, 'value' | 'rowCount' | 'rowSum' | 'context' | 'rowKind'>;

/** Answers what is behind a figure. */
export function createExplainRoutes({
  reader,
  positions,
  now,
}: AnswerDependencies): Pick<ServiceImpl<typeof MetricsService>, 'explainKpi'> {
  return {
    async explainKpi(request, handler) {
      const figure = parseFigure(request.kpi, 'kpi');
      const { timeZone: tenantTimeZone } = tenantOf(handler);
      const page = readToken(request);
      const windowOf = (): KpiWindow => {
        if (page !== undefined) return page.window;
        const isOfLastHour = figure.meaning.group === 'real_time' && request.window === undefined;
        return isOfLastHour
          ? lastHour(now(), tenantTimeZone)
          : parseWindowOfNow(request.window, { tenantTimeZone, now: now() });
      };
      const window = windowOf();
      const question = toQuestion({ scope: request.scope, minPosition: '' }, window, positions, handler);
      const found = await explainFigure(reader, {
        ...question,
        figure,
        after: page?.after,
        pageSize: pageSizeOf(request.pageSize, { usual: usualRows }),
      });
      const told = page?.told ?? toTold(found, toContext(question, found, positions));
      return {
        ...fieldsOf(told),
        rows: found.rows.map(toRow),
        nextPageToken: found.hasMore ? writeToken(request, told, found.rows) : '',
      };
    },
  };
}

function toTold({ told, rowKind }: ExplainedFigure, context: ReturnType<typeof toContext>): Told {
  if (told === undefined) throw new Error('The first page of a figure without the figure.');
  const { value, rowCount, rowSum } = told;
  const message = { value: toValue(value), rowCount: BigInt(rowCount), rowSum, context, rowKind };
  return create(ExplainKpiResponseSchema, message);
}

/** Without the rows. */
function fieldsOf({ value, rowCount, rowSum, context, rowKind }: Told): Told {
  return { value, rowCount, rowSum, context, rowKind };
}

function toRow(row: TellableRow): MessageInitShape<typeof KpiRowSchema> {
  const { kind, key, at, botId, groupId, intent, conversationId, knownOn, amount } = row;
  return {
    kind,
    eventKey: Buffer.from(key.replaceAll('-', ''), 'hex'),
    occurredAt: timestampFromDate(at),
    botId,
    groupId,
    intent,
    conversationId,
    knownOn: knownOn === null ? '' : new Date(knownOn * dayMs).toISOString().slice(0, 10),
    amount,
  };
}

/** What must stay the same from page to page. */
function filtersOf({ kpi, scope, window }: ExplainKpiRequest): readonly string[] {
  return [
    kpi,
    toJsonString(KpiScopeSchema, scope ?? create(KpiScopeSchema)),
    toJsonString(KpiWindowSchema, window ?? create(KpiWindowSchema)),
  ];
}

/** What the first page told stands in the token, the window above all: one up to now would move on from page to page. */
function writeToken(request: ExplainKpiRequest, told: Told, rows: readonly TellableRow[]): string {
  const last = rows.at(-1);
  if (last === undefined) return '';
  const message = create(ExplainKpiResponseSchema, fieldsOf(told));
  return writePageToken(filtersOf(request), [
    Buffer.from(toBinary(ExplainKpiResponseSchema, message)).toString('base64url'),
    last.kind,
    last.key,
    String(last.at.getTime()),
  ]);
}

const kinds: readonly RowKind[] = [
  'interaction',
  'conversion',
  'refund',
  'feedback',
  'conversation',
  'member',
];

/** @throws DomainError `invalid-argument` for what is no token of this call with these fields. */
function readToken(
  request: ExplainKpiRequest,
): { readonly told: ExplainKpiResponse; readonly window: KpiWindow; readonly after: RowCursor } | undefined {
  const cursor = readPageToken(request.pageToken, filtersOf(request), 4);
  if (cursor === undefined) return undefined;
  const [text = '', kindName = '', key = '', time = ''] = cursor;
  const told = parseTold(text);
  const { windowStart, windowEnd, timeZone = '' } = told.context ?? {};
  const kind = kinds.find((one) => one === kindName);
  const isKey = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key);
  if (windowStart === undefined || windowEnd === undefined || kind === undefined || !isKey) {
    throw invalidToken();
  }
  const [start, end] = [timestampDate(windowStart), timestampDate(windowEnd)];
  const cut = cutWindow(start, end);
  const window = { start, end, cut, timeZone: parseTimeZone(timeZone), asOf: undefined };
  return { told, window, after: { kind, key, at: readTokenTime(time) } };
}

function parseTold(text: string): ExplainKpiResponse {
  try {
    return fromBinary(ExplainKpiResponseSchema, Buffer.from(text, 'base64url'));
  } catch {
    throw invalidToken();
  }
}

function invalidToken() {
  const description = 'must be the next_page_token of an answer to the same request';
  return invalidArgument([{ field: 'page_token', description, reason: 'INVALID_PAGE_TOKEN' }]);
}
