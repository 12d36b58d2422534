import { create } from '@bufbuild/protobuf';
import type { DescField, DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { PositionSealer } from '@parley/access';
import type {
  CurrencyRevenue,
  KpiContextSchema,
  KpiDefinitionSchema,
  LabelCount,
} from '@parley/contracts/parley/metrics/v1/kpi';
import {
  CurrencyRevenueSchema,
  KpiUnit as KpiUnitNumber,
  KpiValueSchema,
  LabelCountSchema,
} from '@parley/contracts/parley/metrics/v1/kpi';
import { activeDayDistribution, getFigure, isNoRevenue, minMeanSample, netOf } from '@parley/kpi';
import type { Figure, KpiMeaning, KpiState, KpiUnit, KpiValue, LifecycleFacts, Revenue } from '@parley/kpi';
import type { KpiQuestion } from '../use-cases/kpi-question.ts';
import type { InputsAnswer } from '../use-cases/read-figures.ts';

const units: Readonly<Record<KpiUnit, KpiUnitNumber>> = {
  count: KpiUnitNumber.COUNT,
  rate: KpiUnitNumber.RATE,
  milliseconds: KpiUnitNumber.MILLISECONDS,
  points: KpiUnitNumber.POINTS,
  per_minute: KpiUnitNumber.PER_MINUTE,
  money: KpiUnitNumber.MONEY,
  score: KpiUnitNumber.SCORE,
};

/** The figures of a dashboard, which its fields name. @param without names of fields that are not asked for. */
export function figuresOf(schema: DescMessage, without: ReadonlySet<string> = new Set()): readonly Figure[] {
  return valueFields(schema).flatMap(({ name }) => (without.has(name) ? [] : [getFigure(name)]));
}

/** A dashboard with those of its figures that there are, by their names. */
export function toDashboard<Desc extends DescMessage>(
  schema: Desc,
  values: ReadonlyMap<string, KpiValue>,
): MessageShape<Desc> {
  const message = create(schema);
  const fields = reflect(schema, message);
  for (const field of valueFields(schema)) {
    const value = values.get(field.name);
    if (value === undefined) continue;
    fields.set(field, reflect(KpiValueSchema, create(KpiValueSchema, toValue(value))));
  }
  return message;
}

function valueFields(schema: DescMessage): readonly DescField[] {
  return schema.fields.filter(({ message }) => message?.typeName === KpiValueSchema.typeName);
}

/** Interactions of each sentiment, also of those that did not occur. */
export function toSentiments(sums: KpiState): LabelCount[] {
  return [
    toLabelCount('positive', sums.positiveCount),
    toLabelCount('neutral', sums.neutralCount),
    toLabelCount('negative', sums.negativeCount),
  ];
}

/** How many members were there on so many of the days. */
export function toActiveDays({ days }: LifecycleFacts): LabelCount[] {
  return activeDayDistribution(days)
    .map((count, number) => toLabelCount(String(number), count))
    .slice(1);
}

function toLabelCount(label: string, count: number): LabelCount {
  return create(LabelCountSchema, { label, count: BigInt(count) });
}

/** What was earned in each currency, in the order of their codes. */
export function toCurrencies(byCurrency: Revenue): CurrencyRevenue[] {
  return [...byCurrency]
    .filter(([, sums]) => !isNoRevenue(sums))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([currencyCode, sums]) =>
      create(CurrencyRevenueSchema, {
        currencyCode,
        grossMinorUnits: sums.grossMinorUnits,
        refundedMinorUnits: sums.refundedMinorUnits,
        netMinorUnits: netOf(sums),
        conversionCount: sums.orderCount,
        refundCount: sums.refundCount,
      }),
    );
}

export function toDefinition(definition: KpiMeaning): MessageInitShape<typeof KpiDefinitionSchema> {
  const { definitionId, name, group, description, formula, unit, source, isProportion } = definition;
  return { definitionId, name, group, description, formula, unit: units[unit], source, isProportion };
}

/** For what, and how complete, an answer is. */
export function toContext(
  {
    partition,
    currencyCode,
    window: { start, end, timeZone, asOf },
  }: Pick<KpiQuestion, 'partition' | 'currencyCode' | 'window'>,
  { watermark, erasedSince = false }: Pick<InputsAnswer, 'watermark'> & Partial<InputsAnswer>,
  positions: PositionSealer,
): MessageInitShape<typeof KpiContextSchema> {
  const { position, completeTo, lagMs } = watermark;
  return {
    windowStart: timestampFromDate(start),
    windowEnd: timestampFromDate(end),
    timeZone,
    currencyCode,
    watermark: {
      position: positions.seal({ partition, offset: position }),
      completeTo: timestampFromDate(completeTo),
      lagMs: BigInt(Math.round(lagMs)),
    },
    asOf: asOf === undefined ? '' : toDay(asOf),
    erasedSince,
  };
}

/** A day since 1970 as `YYYY-MM-DD`. */
export function toDay(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}

/** A figure as the contract has it. */
export function toValue({
  unit,
  sampleSize,
  interval,
  ...value
}: KpiValue): MessageInitShape<typeof KpiValueSchema> {
  return {
    ...value,
    sampleSize: BigInt(sampleSize),
    unit: units[unit],
    smallSample: sampleSize < minMeanSample,
    ...(interval === undefined ? {} : { interval: { ...interval } }),
  };
}
