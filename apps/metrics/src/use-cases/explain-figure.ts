import { cutWindow } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { DomainError, invalidArgument } from '@parley/errors';
import { emptyConversationState, emptyRevenue, emptyState, explanationOf, revenueIn } from '@parley/kpi';
import type { CountedPeople, Figure, FigureInputs, Ingredient, KpiValue } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { readDistinctCounts } from '../storage/active-people.sql.ts';
import { findConversationSettings } from '../storage/conversation-settings.ts';
import { awaitedSince, countAwaiting, readConversationState } from '../storage/conversation-state.sql.ts';
import type { CutWindow } from '../storage/cut-parameters.ts';
import {
  countPeopleRows,
  countSumRows,
  listPeopleRows,
  listSumRows,
  rowKindOf,
} from '../storage/figure-rows.sql.ts';
import type { FigureRow, PeopleQuestion, RowCursor, RowKind, RowTotals } from '../storage/figure-rows.sql.ts';
import { readKpiState } from '../storage/kpi-state.sql.ts';
import type { ReadScope } from '../storage/kpi-state.sql.ts';
import { readMembers, readPayers } from '../storage/members.sql.ts';
import { readRevenue } from '../storage/revenue.sql.ts';
import { gapOfScope } from './gap-of-scope.ts';
import type { KpiQuestion } from './read-kpis.ts';

/** Which figure is asked about, and how many rows of it. */
export interface ExplainQuestion extends KpiQuestion {
  readonly figure: Figure;
  /** Where the page before ended. Undefined: this is the first, which also tells the figure and counts the rows. */
  readonly after: RowCursor | undefined;
  readonly pageSize: number;
}

/** What stands behind a figure. */
export interface ExplainedFigure {
  /** Of the first page alone. */
  readonly told: FigureAndTotals | undefined;
  readonly rows: readonly TellableRow[];
  readonly hasMore: boolean;
  readonly rowKind: RowKind;
  readonly watermark: ProjectionWatermark;
}

export interface FigureAndTotals {
  readonly value: KpiValue;
  readonly rowCount: number;
  /** What all rows add up to: the numerator. */
  readonly rowSum: number;
}

/** A row with what it adds, in the unit of the numerator. */
export interface TellableRow extends Omit<FigureRow, 'amount'> {
  readonly amount: number;
}

const dayMs = 86_400_000;

/**
 * The rows behind a figure. On the first page the figure itself, from sums by bucket, and the rows' number and sum, from the
 * rows alone, all of one snapshot.
 * @throws DomainError `invalid-argument` for a figure to which no row adds; `resource-exhausted` TOO_MANY_ROWS when the time
 *   holds more than can be looked at one by one; what the reader throws.
 */
export async function explainFigure(
  reader: ProjectionReader,
  question: ExplainQuestion,
): Promise<ExplainedFigure> {
  const rowsBehind = behind(question);
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const { completeTo } = watermark;
    await refuseTooMany(tx, scope, question, rowsBehind.windows(question.window));
    const rows = await rowsBehind.open(tx, scope, question, completeTo);
    const found = await rows.list(question.after, question.pageSize + 1);
    const inUnits = (amount: bigint): number => Number(amount) / rowsBehind.divisor;
    const told = async (): Promise<FigureAndTotals> => {
      const { count, amount } = await rows.count();
      const value = question.figure.evaluate(await readInputs(tx, scope, question, completeTo));
      return { value, rowCount: count, rowSum: inUnits(amount) };
    };
    return {
      told: question.after === undefined ? await told() : undefined,
      rows: found.slice(0, question.pageSize).map((row) => ({ ...row, amount: inUnits(row.amount) })),
      hasMore: found.length > question.pageSize,
      rowKind: rowsBehind.kind,
      watermark,
    };
  });
}

/** Rows of a snapshot. */
interface OpenRows {
  count(): Promise<RowTotals>;
  list(after: RowCursor | undefined, limit: number): Promise<readonly FigureRow[]>;
}

interface RowsBehind {
  readonly kind: RowKind;
  readonly divisor: number;
  /** The times whose facts are looked at. */
  windows(window: CutWindow): readonly CutWindow[];
  open(tx: Transaction, scope: ReadScope, question: ExplainQuestion, completeTo: Date): Promise<OpenRows>;
}

function behind({ figure, currencyCode }: ExplainQuestion): RowsBehind {
  const explanation = explanationOf(figure, currencyCode);
  switch (explanation.behind) {
    case 'nothing': {
      const description = `must be a figure to which rows add; ${figure.meaning.name} is none: ${explanation.because}`;
      throw invalidArgument([{ field: 'kpi', description, reason: 'NOT_A_SUM_OF_ROWS' }]);
    }
    case 'rows': {
      const { form } = explanation;
      return {
        kind: rowKindOf(form),
        divisor: form.divisor,
        windows: (window) => [window],
        open: async (tx, scope, { window: { start, end } }, completeTo) => {
          const asked = { scope, start, end, form, currencyCode, awaitedSince: awaitedSince(completeTo) };
          return {
            count: () => countSumRows(tx, asked),
            list: (after, limit) => listSumRows(tx, asked, after, limit),
          };
        },
      };
    }
    case 'people': {
      const { people } = explanation;
      return {
        kind: 'member',
        divisor: 1,
        windows: (window) => [windowOf(people, window)],
        open: async (tx, scope, { window }) => {
          const asked: PeopleQuestion = {
            scope,
            who: whoOf(people),
            among: await membersAmong(tx, scope, people, window),
            ...windowOf(people, window),
            currencyCode,
          };
          return {
            count: () => countPeopleRows(tx, asked),
            list: (after, limit) => listPeopleRows(tx, asked, after, limit),
          };
        },
      };
    }
  }
}

function whoOf(people: CountedPeople): PeopleQuestion['who'] {
  if (people === 'active_users') return 'users';
  return people === 'paying_members' ? 'payers' : 'members';
}

/** The time in which those are seen who are counted. */
function windowOf(people: CountedPeople, window: CutWindow): CutWindow {
  const { start, end } = window;
  switch (people) {
    case 'members_of_week':
      return toWindow(end.getTime() - 7 * dayMs, end.getTime());
    case 'members_of_month':
      return toWindow(end.getTime() - 30 * dayMs, end.getTime());
    case 'dormant_members':
      return before(window);
    default:
      return { start, end, cut: window.cut };
  }
}

/** The window of the same length before it. */
function before({ start, end }: CutWindow): CutWindow {
  return toWindow(2 * start.getTime() - end.getTime(), start.getTime());
}

function toWindow(start: number, end: number): CutWindow {
  const [from, to] = [new Date(start), new Date(end)];
  return { start: from, end: to, cut: cutWindow(from, to) };
}

/** Who of those who are seen is counted; undefined: all. */
async function membersAmong(
  tx: Transaction,
  scope: ReadScope,
  people: CountedPeople,
  window: CutWindow,
): Promise<Int32Array | undefined> {
  const isOfLifecycle = /^(new|returning|resurrected|dormant)_members$/.test(people);
  if (!isOfLifecycle) return undefined;
  const [now = [], recent = [], ever = []] = await readMembers(tx, scope, [
    window,
    before(window),
    toWindow(0, window.start.getTime()),
  ]);
  const [isNow, isRecent, isKnown] = [new Set(now), new Set(recent), new Set(ever)];
  switch (people) {
    case 'new_members':
      return Int32Array.from([...now].filter((member) => !isKnown.has(member)));
    case 'returning_members':
      return Int32Array.from([...now].filter((member) => isRecent.has(member)));
    case 'resurrected_members':
      return Int32Array.from([...now].filter((member) => isKnown.has(member) && !isRecent.has(member)));
    default:
      return Int32Array.from([...recent].filter((member) => !isNow.has(member)));
  }
}

/** Facts that are looked at one by one for one question, at most. */
const maxFacts = 2_000_000;

/** As many as the buckets say there are of the bot, or of all bots where a group is asked for: not less than there are. */
async function refuseTooMany(
  tx: Transaction,
  scope: ReadScope,
  question: ExplainQuestion,
  windows: readonly CutWindow[],
): Promise<void> {
  let rows = 0;
  for (const window of windows) {
    const state = await readKpiState(tx, { ...scope, groupId: '' }, window);
    const { purchasedCount, visitedCount, didNothingCount, resolvedCount } = state;
    rows += state.interactionCount + purchasedCount + visitedCount + didNothingCount + resolvedCount;
    rows += state.csatRatingCount + state.npsCount + state.cesCount + state.thumbsCount;
  }
  if (rows <= maxFacts) return;
  throw new DomainError(
    `Behind ${question.figure.meaning.name} there are up to ${rows} rows to look at; ask for a shorter time or for one bot.`,
    {
      kind: 'resource-exhausted',
      reason: 'TOO_MANY_ROWS',
      facts: { rows: String(rows), limit: String(maxFacts) },
    },
  );
}

const nobody = { activeMembers: 0, activeUsers: 0, users: 0 };

/** What the figure is computed from. */
async function readInputs(
  tx: Transaction,
  scope: ReadScope,
  question: ExplainQuestion,
  completeTo: Date,
): Promise<FigureInputs> {
  const { window, figure, currencyCode, partition, tenantId } = question;
  const needs = (...ingredients: readonly Ingredient[]) =>
    ingredients.some((ingredient) => figure.needs.includes(ingredient));
  const sums = needs('sums') ? await readKpiState(tx, scope, window) : emptyState;
  const { interactionCount } = sums;
  const people = needs('members', 'users') ? await readDistinctCounts(tx, scope, window) : nobody;
  const conversations = needs('conversations')
    ? await readConversationState(tx, scope, window)
    : emptyConversationState;
  const [earned] = needs('revenue') ? await readRevenue(tx, scope, [window]) : [];
  const payers = needs('payers') ? await readPayers(tx, scope, window, currencyCode) : [];
  const countIn = async (people: CountedPeople) =>
    (await readMembers(tx, scope, [windowOf(people, window)]))[0]?.length ?? 0;
  const lifecycle = needs('earlier_members')
    ? await readMembers(tx, scope, [window, before(window), toWindow(0, window.start.getTime())])
    : [];
  return {
    sums,
    people,
    latencies: new Map(),
    conversations: {
      conversations,
      interactions: sums,
      awaitingCount: needs('awaiting') ? await countAwaiting(tx, scope, window, completeTo) : 0,
      gapMs: gapOfScope(await findConversationSettings(tx, partition, [tenantId]), question, window),
    },
    revenue: {
      currencyCode,
      revenue: earned === undefined ? emptyRevenue : revenueIn(currencyCode, earned),
      interactionCount,
      conversationCount: conversations.conversationCount,
      payingMemberCount: payers.length,
      days: [],
    },
    audience: {
      interactionCount,
      dayCounts: [],
      weekCount: needs('week_members') ? await countIn('members_of_week') : 0,
      monthCount: needs('month_members') ? await countIn('members_of_month') : 0,
    },
    lifecycle: {
      interactionCount,
      days: [],
      window: lifecycle[0] ?? [],
      before: lifecycle[1] ?? [],
      ever: lifecycle[2] ?? [],
    },
  };
}
