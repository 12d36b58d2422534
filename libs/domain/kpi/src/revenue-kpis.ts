import { fromMinorUnits, minorUnitDigits } from '@parley/event';
import type { Moments } from '@parley/statistics';
import { countOf, defineKpi, evaluateKpi, meanParts, quotient } from './kpi-definition.ts';
import type { KpiParts } from './kpi-definition.ts';
import type { KpiValue } from './kpi-value.ts';
import { emptyRevenue, netOf } from './revenue.ts';
import type { Revenue, RevenueSums } from './revenue.ts';

/** What the figures about money are computed from: those of the tenant's own currency, and whom it is by. */
export interface RevenueFacts {
  /** The tenant's currency, in whose units the figures are. */
  readonly currencyCode: string;
  /** In the tenant's currency. */
  readonly revenue: RevenueSums;
  readonly interactionCount: number;
  /** Undefined: it is not known how many there are. */
  readonly conversationCount: number | undefined;
  /** Different members with a conversion of a value above 0 in the tenant's currency. */
  readonly payingMemberCount: number;
  /** Each of the window's days, in parts where it holds but a part. */
  readonly days: readonly RevenueDay[];
}

/** What a day earned, and who was there. */
export interface RevenueDay {
  readonly netMinorUnits: bigint;
  readonly activeMemberCount: number;
}

type Input = readonly [facts: RevenueFacts];

const inUnits = 'In units of the tenant’s currency; other currencies stand by themselves.';

/** What is left after refunds. */
export const revenue = defineKpi<Input>({
  definitionId: 'parley.v1/revenue',
  group: 'revenue',
  description: `Value of the conversions, less refunds at the time of the refund. ${inUnits}`,
  formula: 'Sum of the values less sum of the refunds. Nothing recorded: no data; else 0 is a sum.',
  unit: 'money',
  source: 'definitions D14, D19; rulings A21, A24',
  isProportion: false,
  parts: (facts) => countOf(net(facts), orders(facts), isAnythingRecorded(facts)),
});

/** What was paid. */
export const grossRevenue = defineKpi<Input>({
  definitionId: 'parley.v1/gross_revenue',
  group: 'revenue',
  description: `Value of the conversions. ${inUnits}`,
  formula: 'Sum of the values. Nothing recorded: no data; else 0 is a sum.',
  unit: 'money',
  source: 'definition D14; rulings A21, A24',
  isProportion: false,
  parts: (facts) => countOf(gross(facts), orders(facts), isAnythingRecorded(facts)),
});

/** What was given back. */
export const refunded = defineKpi<Input>({
  definitionId: 'parley.v1/refunded',
  group: 'revenue',
  description: `What was given back, at the time of the refund. ${inUnits}`,
  formula: 'Sum of the refunds. Nothing recorded: no data; else 0 is a sum.',
  unit: 'money',
  source: 'ruling A24',
  isProportion: false,
  parts: (facts) =>
    countOf(
      fromMinorUnits(facts.revenue.refundedMinorUnits, facts.currencyCode),
      Number(facts.revenue.refundCount),
      isAnythingRecorded(facts),
    ),
});

/** What a conversation brings. */
export const revenuePerConversation = defineKpi<Input>({
  definitionId: 'parley.v1/revenue_per_conversation',
  group: 'revenue',
  description: 'Revenue by conversations.',
  formula: '`revenue` by the conversations that began in the window. None: no data.',
  unit: 'money',
  source: 'definition D14',
  isProportion: false,
  parts: (facts) => quotient(net(facts), facts.conversationCount ?? 0),
});

/** What a message brings. */
export const revenuePerInteraction = defineKpi<Input>({
  definitionId: 'parley.v1/revenue_per_interaction',
  group: 'revenue',
  description: 'Revenue by interactions.',
  formula: '`revenue` by the interactions. None: no data.',
  unit: 'money',
  source: 'definition D14',
  isProportion: false,
  parts: (facts) => quotient(net(facts), facts.interactionCount),
});

/** What somebody who is there brings in a day. */
export const arpu = defineKpi<Input>({
  definitionId: 'parley.v1/arpu',
  group: 'revenue',
  description: 'Mean over the window’s days of the day’s revenue by the day’s active members.',
  formula:
    'Sum over the days of the time zone of (revenue of the day by its active members, 0 on a day without any), by the ' +
    'number of days; a day that the window holds in part counts by that part. No active members at all: no data.',
  unit: 'money',
  source: 'definitions D14, D19',
  isProportion: false,
  parts: ({ days, currencyCode }) => {
    const active = days.filter(({ activeMemberCount }) => activeMemberCount > 0);
    const sum = active.reduce((total, day) => total + Number(day.netMinorUnits) / day.activeMemberCount, 0);
    const sampleSize = active.reduce((total, { activeMemberCount }) => total + activeMemberCount, 0);
    const parts = { numerator: sum, denominator: days.length, sampleSize, hasData: active.length > 0 };
    return inUnitsOf(currencyCode, parts);
  },
});

/** What somebody who pays brings. */
export const arppu = defineKpi<Input>({
  definitionId: 'parley.v1/arppu',
  group: 'revenue',
  description: 'Revenue by different members who paid.',
  formula:
    '`revenue` by `paying_members`; what nobody is named for is in the revenue. No paying member: no data.',
  unit: 'money',
  source: 'definition D14',
  isProportion: false,
  parts: (facts) => quotient(net(facts), facts.payingMemberCount),
});

/** Who paid. */
export const payingMembers = defineKpi<Input>({
  definitionId: 'parley.v1/paying_members',
  group: 'revenue',
  description: 'Different members with a conversion of a value above 0 in the tenant’s currency.',
  formula:
    'Number of different members of these conversions, refunded ones included: each the conversion’s own, else that of ' +
    'its interaction. Nothing recorded: no data; else 0 is a count.',
  unit: 'count',
  source: 'definition D14',
  isProportion: false,
  parts: (facts) => countOf(facts.payingMemberCount, orders(facts), isAnythingRecorded(facts)),
});

/** What a purchase brings. */
export const avgOrderValue = defineKpi<Input>({
  definitionId: 'parley.v1/avg_order_value',
  group: 'revenue',
  description: 'Mean value of the conversions with a value above 0, refunds not taken off.',
  formula: 'Sum of the values by the number of conversions with a value above 0. None: no data.',
  unit: 'money',
  source: 'definition D14',
  isProportion: false,
  parts: (facts) =>
    inUnitsOf(
      facts.currencyCode,
      meanParts({
        count: orders(facts),
        sum: Number(facts.revenue.grossMinorUnits),
        squareSum: Number(facts.revenue.grossSquareSum),
      }),
    ),
});

/** The figures about money. */
export interface RevenueKpis {
  readonly revenue: KpiValue;
  readonly grossRevenue: KpiValue;
  readonly refunded: KpiValue;
  readonly revenuePerConversation: KpiValue;
  readonly revenuePerInteraction: KpiValue;
  readonly arpu: KpiValue;
  readonly arppu: KpiValue;
  readonly payingMembers: KpiValue;
  readonly avgOrderValue: KpiValue;
}

/** The figures of these facts. */
export function revenueKpis(facts: RevenueFacts): RevenueKpis {
  return {
    revenue: evaluateKpi(revenue, facts),
    grossRevenue: evaluateKpi(grossRevenue, facts),
    refunded: evaluateKpi(refunded, facts),
    revenuePerConversation: evaluateKpi(revenuePerConversation, facts),
    revenuePerInteraction: evaluateKpi(revenuePerInteraction, facts),
    arpu: evaluateKpi(arpu, facts),
    arppu: evaluateKpi(arppu, facts),
    payingMembers: evaluateKpi(payingMembers, facts),
    avgOrderValue: evaluateKpi(avgOrderValue, facts),
  };
}

/** The moments of the values of which `avg_order_value` is the mean, in units of the currency. */
export function orderMoments({ revenue: sums, currencyCode }: RevenueFacts): Moments {
  const unit = 10 ** minorUnitDigits(currencyCode);
  return {
    count: Number(sums.orderCount),
    sum: Number(sums.grossMinorUnits) / unit,
    squareSum: Number(sums.grossSquareSum) / (unit * unit),
  };
}

/** What was earned in that currency. */
export function revenueIn(currencyCode: string, byCurrency: Revenue): RevenueSums {
  return byCurrency.get(currencyCode) ?? emptyRevenue;
}

function orders({ revenue: sums }: RevenueFacts): number {
  return Number(sums.orderCount);
}

function gross({ revenue: sums, currencyCode }: RevenueFacts): number {
  return fromMinorUnits(sums.grossMinorUnits, currencyCode);
}

function net({ revenue: sums, currencyCode }: RevenueFacts): number {
  return fromMinorUnits(netOf(sums), currencyCode);
}

/** What was computed in minor units, in units: divided once, at the end, by what the currency says. */
function inUnitsOf(currencyCode: string, { interval, ...parts }: KpiParts): KpiParts {
  const units = (minorUnits: number) => minorUnits / 10 ** minorUnitDigits(currencyCode);
  return {
    ...parts,
    numerator: units(parts.numerator),
    ...(interval && {
      interval: { ...interval, lower: units(interval.lower), upper: units(interval.upper) },
    }),
  };
}

/** Whether a 0 in the window is a sum: something was recorded there. */
function isAnythingRecorded({ revenue: sums, interactionCount }: RevenueFacts): boolean {
  return interactionCount > 0 || sums.orderCount > 0n || sums.refundCount > 0n;
}
