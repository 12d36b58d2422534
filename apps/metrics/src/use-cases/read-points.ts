import { cutLocal, cutWindow } from '@parley/calendar';
import type { LocalPeriod, Range } from '@parley/calendar';
import { DomainError } from '@parley/errors';
import type { Figure, KpiValue } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { createSource } from '../storage/create-source.ts';
import type { Dimension } from '../storage/figure-source.ts';
import { wasErasedSince } from '../storage/erased-counts.ts';
import type { KpiQuestion } from './kpi-question.ts';
import { compareValues, evaluateFigures, needsOf, readInputs } from './read-figures.ts';

/** Figures of a window by points of time and dimensions, from a place on. */
export interface PointsQuestion extends KpiQuestion {
  readonly figures: readonly Figure[];
  readonly dimensions: readonly Dimension[];
  /** Into which the window is cut. Undefined: one point for all of it. */
  readonly period: LocalPeriod | undefined;
  readonly pageSize: number;
  /** Where the page before ended. Undefined: this is the first. */
  readonly after: PointPlace | undefined;
}

/** A point and the values of the dimensions. */
export interface PointPlace {
  /** The point's place in the window. */
  readonly position: number;
  readonly values: readonly string[];
}

export interface Point extends PointPlace, Range {
  /** In the order in which they were asked for. */
  readonly figures: readonly KpiValue[];
}

export interface PointsPage {
  readonly points: readonly Point[];
  readonly hasMore: boolean;
  readonly watermark: ProjectionWatermark;
  readonly erasedSince: boolean;
}

/** Points by values that a question may be about. */
const maxCells = 500_000;
/** How many of them are read at a time. */
const cellsAtOnce = 20_000;

/**
 * A page of points, in the order of time, then of values. Without dimensions each point is there; with dimensions those in
 * which a figure has data. A page reads its own points alone.
 * @throws DomainError `resource-exhausted` TOO_MANY_ROWS where points by values are too many; what the reader throws.
 */
export function readPoints(reader: ProjectionReader, question: PointsQuestion): Promise<PointsPage> {
  const { figures, dimensions, pageSize, after } = question;
  const { timeZone, asOf } = question.window;
  const { currencyCode } = question;
  const points = pointsOf(question);
  const needs = needsOf(figures);
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const snapshot = { tx, scope, completeTo: watermark.completeTo };
    const isSplit = dimensions.length > 0;
    const atOnce = isSplit ? await pointsAtOnce() : pageSize + 1;

    async function pointsAtOnce(): Promise<number> {
      const { window } = question;
      const source = createSource(tx, scope, { dimensions, asOf });
      const values = Math.max(
        (await source.sums([{ ...window, cut: cutWindow(window.start, window.end) }])).length,
        1,
      );
      if (values * points.length > maxCells) throw tooMany(points.length, values);
      return Math.max(1, Math.floor(cellsAtOnce / values));
    }

    const found: Point[] = [];
    let from = after === undefined ? 0 : isSplit ? after.position : after.position + 1;
    for (; from < points.length && found.length <= pageSize; from += atOnce) {
      const windows = points.slice(from, from + atOnce);
      const asked = { windows, dimensions, needs, timeZone, currencyCode, asOf };
      for (const cell of await readInputs(snapshot, asked)) {
        const position = from + cell.position;
        const range = points[position];
        const isKnown =
          after !== undefined && position === after.position && compareValues(cell.values, after.values) <= 0;
        if (range === undefined || (isSplit && isKnown)) continue;
        const values = evaluateFigures(figures, cell, asOf);
        if (isSplit && !values.some(({ hasData }) => hasData)) continue;
        found.push({ ...range, position, values: cell.values, figures: values });
      }
    }
    return {
      points: found.slice(0, pageSize),
      hasMore: found.length > pageSize,
      watermark,
      erasedSince: asOf === undefined ? false : await wasErasedSince(tx, scope, asOf),
    };
  });
}

function pointsOf({ window: { start, end, timeZone }, period }: PointsQuestion): readonly Range[] {
  return period === undefined ? [{ start, end }] : cutLocal(period, start, end, timeZone);
}

function tooMany(points: number, values: number): DomainError {
  const rows = points * values;
  return new DomainError(
    `${points} points by ${values} values of the dimensions are ${rows} rows; ask for at most ${maxCells}: for longer points, a ` +
      'shorter window or fewer dimensions.',
    {
      kind: 'resource-exhausted',
      reason: 'TOO_MANY_ROWS',
      facts: { rows: String(rows), limit: String(maxCells) },
    },
  );
}
