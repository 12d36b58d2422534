import * as kpi from '@parley/kpi';
import type { ExplainedChange, Figure, KpiChange, KpiValue } from '@parley/kpi';
import type { ProjectionReader } from '@parley/projection';
import type { Dimension } from '../storage/figure-source.ts';
import { wasErasedSince } from '../storage/erased-counts.ts';
import type { KpiQuestion, KpiWindow } from './kpi-question.ts';
import { evaluateFigures, needsOf, readInputs } from './read-figures.ts';
import type { InputCell, InputsAnswer } from './read-figures.ts';

/** A question about a window and another one that it is held against. */
export interface ComparedQuestion extends KpiQuestion {
  readonly baseline: KpiWindow;
}

/** A figure now and before, and what the difference says. */
export interface ComparedFigure {
  readonly value: KpiValue;
  readonly baseline: KpiValue;
  readonly change: KpiChange;
}

/** For what both windows were read. */
export type Reach = Pick<InputsAnswer, 'watermark' | 'erasedSince'>;

export interface Comparison {
  readonly figures: readonly ComparedFigure[];
  readonly now: Reach;
  readonly before: Reach;
}

/** Compares figures of two windows, read in one snapshot. Throws as the reader does. */
export async function compareWindows(
  reader: ProjectionReader,
  question: ComparedQuestion,
  figures: readonly Figure[],
): Promise<Comparison> {
  const both = await readBoth(reader, question, figures, []);
  const [now, before] = [both.now.cells[0], both.before.cells[0]];
  if (now === undefined || before === undefined) throw new Error('A window without a cell.');
  const values = evaluateFigures(figures, now, question.window.asOf);
  const baselines = evaluateFigures(figures, before, question.baseline.asOf);
  const { completeTo } = both.now.watermark;
  return {
    figures: figures.map((figure, index) => {
      const [value, baseline] = [values[index], baselines[index]];
      if (value === undefined || baseline === undefined) throw new Error('A figure without a value.');
      const evidence = kpi.evidenceOf(
        figure,
        { inputs: now.inputs, ms: heldMs(question.window, completeTo) },
        { inputs: before.inputs, ms: heldMs(question.baseline, completeTo) },
      );
      return { value, baseline, change: kpi.compareKpis(value, baseline, evidence) };
    }),
    now: both.now,
    before: both.before,
  };
}

/** A figure's change, with its parts. */
export interface ChangeInParts {
  readonly value: KpiValue;
  readonly baseline: KpiValue;
  readonly change: number;
  readonly parts: readonly {
    readonly part: ExplainedChange['parts'][number];
    readonly value: KpiValue;
    readonly baseline: KpiValue;
  }[];
  readonly now: Reach;
  readonly before: Reach;
}

/** Splits the change of a ratio between two windows by dimensions. Throws as the reader does. */
export async function splitChange(
  reader: ProjectionReader,
  question: ComparedQuestion,
  figure: Figure,
  { dimensions, maxParts }: { readonly dimensions: readonly Dimension[]; readonly maxParts: number },
): Promise<ChangeInParts> {
  const whole = await readBoth(reader, question, [figure], dimensions);
  const valueOf = (cell: InputCell | undefined): KpiValue | undefined => cell && figure.evaluate(cell.inputs);
  const byPart = new Map<string, { readonly values: readonly string[]; now?: KpiValue; before?: KpiValue }>();
  for (const side of ['now', 'before'] as const) {
    for (const cell of whole[side].cells) {
      const key = JSON.stringify(cell.values);
      const entry = byPart.get(key) ?? { values: cell.values };
      byPart.set(key, entry);
      entry[side] = figure.evaluate(cell.inputs);
    }
  }
  const nothing = { numerator: 0, denominator: 0 };
  const explained = kpi.explainChange(
    [...byPart.values()].map(({ values, now = nothing, before = nothing }) => ({ values, now, before })),
    maxParts,
  );
  const told = (parts: kpi.FigureParts, known: KpiValue | undefined): KpiValue =>
    known ?? kpi.toKpiValue(figure.meaning, kpi.quotient(parts.numerator, parts.denominator));
  return {
    value: told(nothing, valueOf(whole.now.whole)),
    baseline: told(nothing, valueOf(whole.before.whole)),
    change: explained.change,
    parts: explained.parts.map((part) => {
      const known = byPart.get(JSON.stringify(part.values));
      return { part, value: told(part.now, known?.now), baseline: told(part.before, known?.before) };
    }),
    now: whole.now,
    before: whole.before,
  };
}

interface Side extends Reach {
  readonly cells: readonly InputCell[];
  /** Of all values together. */
  readonly whole: InputCell | undefined;
}

/** Both windows in one snapshot, each as known on its own day. */
function readBoth(
  reader: ProjectionReader,
  question: ComparedQuestion,
  figures: readonly Figure[],
  dimensions: readonly Dimension[],
): Promise<{ readonly now: Side; readonly before: Side }> {
  const { currencyCode } = question;
  const needs = needsOf(figures);
  return reader.read(question, async ({ tx, generation, watermark }) => {
    const scope = { ...question, generation };
    const snapshot = { tx, scope, completeTo: watermark.completeTo };
    const sideOf = async (window: KpiWindow): Promise<Side> => {
      const { timeZone, asOf } = window;
      const asked = { windows: [window], needs, timeZone, currencyCode, asOf };
      const cells = await readInputs(snapshot, { ...asked, dimensions });
      const [whole] =
        dimensions.length === 0 ? cells : await readInputs(snapshot, { ...asked, dimensions: [] });
      const erasedSince = asOf === undefined ? false : await wasErasedSince(tx, scope, asOf);
      return { cells, whole, watermark, erasedSince };
    };
    return { now: await sideOf(question.window), before: await sideOf(question.baseline) };
  });
}

/** How much of the window has passed, as far as it is known. */
function heldMs({ start, end, asOf }: KpiWindow, completeTo: Date): number {
  const known = asOf === undefined ? completeTo.getTime() : (asOf + 1) * 86_400_000;
  return Math.min(end.getTime(), known, completeTo.getTime()) - start.getTime();
}
