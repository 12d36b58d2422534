import { setImmediate } from 'node:timers/promises';
import { attributeAmount, attributionShares } from '@parley/kpi';
import type { AttributionModel } from '@parley/kpi';
import type { ProjectionReader, ProjectionWatermark } from '@parley/projection';
import { unknown } from '../projection/facts.ts';
import type { Dimension } from '../storage/figure-source.ts';
import { readJourneys } from '../storage/journeys.sql.ts';
import type { Journey } from '../storage/journeys.sql.ts';
import type { KpiQuestion } from './kpi-question.ts';

/** A question about what earned the money. */
export interface AttributionQuestion extends KpiQuestion {
  readonly model: AttributionModel;
  readonly dimension: Dimension;
  readonly lookbackMs: number;
}

/** What one value of the dimension earned in one currency. */
export interface Credit {
  readonly value: string;
  readonly currencyCode: string;
  readonly minorUnits: bigint;
  /** In conversions of a value above 0; together as many as there are. */
  readonly conversions: number;
}

/** What earned the money: the tenant's currency first, in each the largest credit. */
export interface AttributionAnswer {
  readonly credits: readonly Credit[];
  readonly watermark: ProjectionWatermark;
}

/** What earned the money of a window's conversions. Throws as the reader does, and TOO_MANY_ROWS. */
export async function readAttribution(
  reader: ProjectionReader,
  question: AttributionQuestion,
): Promise<AttributionAnswer> {
  const { journeys, watermark } = await reader.read(question, async ({ tx, generation, watermark }) => ({
    journeys: await readJourneys(tx, { ...question, generation }, question.window, question),
    watermark,
  }));
  const credits = await attribute(journeys, question.model, question.signal);
  const { currencyCode } = question;
  return { credits: credits.toSorted((one, other) => inOrder(one, other, currencyCode)), watermark };
}

/** So many interactions at a time; others are answered between. */
const touchesAtOnce = 20_000;

/** The credits of all journeys, in any order: in each currency they add up to what the journeys earned. */
export async function attribute(
  journeys: readonly Journey[],
  model: AttributionModel,
  signal: AbortSignal,
): Promise<readonly Credit[]> {
  const credits = new Map<string, Credit>();
  const add = (value: string, currencyCode: string, minorUnits: bigint, conversions: number): void => {
    const key = `${currencyCode} ${value}`;
    const before = credits.get(key) ?? { value, currencyCode, minorUnits: 0n, conversions: 0 };
    credits.set(key, {
      ...before,
      minorUnits: before.minorUnits + minorUnits,
      conversions: before.conversions + conversions,
    });
  };
  let touched = 0;
  for (const { net, currencyCode, times, values } of journeys) {
    if (touched >= touchesAtOnce) {
      touched = 0;
      await setImmediate();
      signal.throwIfAborted();
    }
    touched += times.length + 1;
    const shares = attributionShares(model, times);
    for (const [code, amount] of net) {
      const isOwn = code === currencyCode;
      if (times.length === 0) add(unknown, code, amount, isOwn ? 1 : 0);
      const amounts = attributeAmount(model, times, amount);
      for (const [index, minorUnits] of amounts.entries()) {
        add(values[index] ?? unknown, code, minorUnits, isOwn ? (shares[index] ?? 0) : 0);
      }
    }
  }
  return [...credits.values()].filter(
    ({ minorUnits, conversions }) => minorUnits !== 0n || conversions !== 0,
  );
}

function inOrder(one: Credit, other: Credit, first: string): number {
  if (one.currencyCode !== other.currencyCode) {
    if (one.currencyCode === first) return -1;
    return other.currencyCode === first || one.currencyCode > other.currencyCode ? 1 : -1;
  }
  if (one.minorUnits !== other.minorUnits) return one.minorUnits > other.minorUnits ? -1 : 1;
  return one.value < other.value ? -1 : 1;
}
