import { cutWindow } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { invalidArgument } from '@parley/errors';
import { explanationOf } from '@parley/kpi';
import type { CountedPeople, Figure, FigureInputs, KpiValue } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { awaitedSince } from '../storage/conversation-state.sql.ts';
import { createSource } from '../storage/create-source.ts';
import type { CutWindow } from '../storage/cut-parameters.ts';
import { requireFewFacts } from '../storage/fact-count.sql.ts';
import type { FigureSource } from '../storage/figure-source.ts';
import {
  countPeopleRows,
  countSumRows,
  listPeopleRows,
  listSumRows,
  rowKindOf,
} from '../storage/figure-rows.sql.ts';
import type { FigureRow, PeopleQuestion, RowCursor, RowKind, RowTotals } from '../storage/figure-rows.sql.ts';
import type { ReadScope } from '../storage/kpi-state.sql.ts';
import { maxRows } from '../storage/too-many-rows.ts';
import type { KpiQuestion } from './kpi-question.ts';
import { needsOf, readInputs } from './read-figures.ts';

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
    await requireFewFacts(tx, scope, [rowsBehind.window(question.window)], maxRows);
    const rows = await rowsBehind.open(tx, scope, question, completeTo);
    const found = await rows.list(question.after, question.pageSize + 1);
    const inUnits = (amount: bigint): number => Number(amount) / rowsBehind.divisor;
    const told = async (): Promise<FigureAndTotals> => {
      const { count, amount } = await rows.count();
      const value = question.figure.evaluate(await inputsOf(tx, scope, question, completeTo));
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
  /** The time whose facts are looked at. */
  window(asked: CutWindow): CutWindow;
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
        window: (asked) => asked,
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
        window: (asked) => windowOf(people, asked),
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
  const found = await together(tx, scope).members([
    window,
    before(window),
    toWindow(0, window.start.getTime()),
  ]);
  const [now = [], recent = [], ever = []] = found.map(({ content }) => content);
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

/** All that is known now. */
function together(tx: Transaction, scope: ReadScope): FigureSource {
  return createSource(tx, scope, { dimensions: [], asOf: undefined });
}

/** What the figure is computed from. */
async function inputsOf(
  tx: Transaction,
  scope: ReadScope,
  { window, figure, currencyCode }: ExplainQuestion,
  completeTo: Date,
): Promise<FigureInputs> {
  const { timeZone, asOf } = window;
  const needs = needsOf([figure]);
  const [cell] = await readInputs(
    { tx, scope, completeTo },
    { windows: [window], dimensions: [], needs, timeZone, currencyCode, asOf },
  );
  if (cell === undefined) throw new Error('A window without a cell.');
  return cell.inputs;
}
