import { bucketLengths, cutWindow } from '@parley/calendar';
import type { Figure, KpiValue } from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import { wasErasedSince } from '../storage/erased-counts.ts';
import { readKnowledgeDays } from '../storage/knowledge-days.sql.ts';
import type { KpiQuestion } from './kpi-question.ts';
import { needsOf, readInputs } from './read-figures.ts';
import type { InputsAnswer } from './read-figures.ts';

/** What was learned on one day. */
export interface Revision {
  /** In days since 1970. */
  readonly knownOn: number;
  readonly numerator: number;
  readonly denominator: number;
  readonly cause: 'late_events' | 'completed';
}

export interface ExplainedRevision extends Pick<InputsAnswer, 'watermark' | 'erasedSince'> {
  readonly then: KpiValue;
  readonly now: KpiValue;
  readonly revisions: readonly Revision[];
}

/**
 * A figure as known at the end of a day, as known now, and what every day since brought: the difference between what was
 * known at its end and at that of the day before, so that together they are the whole difference. What belongs to no day
 * on which something was received is what was still open at the end of that day.
 * @param asOf the day, in days since 1970.
 */
export function explainRevision(
  reader: ProjectionReader,
  question: KpiQuestion,
  figure: Figure,
  asOf: number,
): Promise<ExplainedRevision> {
  const { window, currencyCode } = question;
  const { timeZone } = window;
  const needs = needsOf([figure]);
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const snapshot = { tx, scope, completeTo: watermark.completeTo };
    const knownOn = async (day: number | undefined): Promise<KpiValue> => {
      const asked = { windows: [window], dimensions: [], needs, timeZone, currencyCode, asOf: day };
      const [cell] = await readInputs(snapshot, asked);
      if (cell === undefined) throw new Error('A window without a cell.');
      return figure.evaluate(cell.inputs);
    };
    const then = await knownOn(asOf);
    const now = await knownOn(undefined);
    const revisions: Revision[] = [];
    let before = then;
    const add = (knownOn: number, after: KpiValue, cause: Revision['cause']): void => {
      const numerator = after.numerator - before.numerator;
      const denominator = after.denominator - before.denominator;
      before = after;
      if (numerator !== 0 || denominator !== 0) revisions.push({ knownOn, numerator, denominator, cause });
    };
    for (const { day, isByEvents } of await readKnowledgeDays(tx, scope, outward(window), asOf)) {
      add(day, await knownOn(day), isByEvents ? 'late_events' : 'completed');
    }
    add(asOf + 1, now, 'completed');
    return {
      then,
      now,
      revisions: revisions.toSorted((one, other) => one.knownOn - other.knownOn),
      watermark,
      erasedSince: await wasErasedSince(tx, scope, asOf),
    };
  });
}

/** The window with the quarter hours that it holds in part. */
function outward({ start, end }: { readonly start: Date; readonly end: Date }) {
  const { quarter } = bucketLengths;
  const from = new Date(Math.floor(start.getTime() / quarter) * quarter);
  const to = new Date(Math.ceil(end.getTime() / quarter) * quarter);
  return { start: from, end: to, cut: cutWindow(from, to) };
}
