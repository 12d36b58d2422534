import { cutLocal, parseTimeZone } from '@parley/calendar';
import type { Range } from '@parley/calendar';
import { attributeAmount, attributionShares } from '@parley/kpi';
import type { AttributionModel } from '@parley/kpi';
import type { CohortPeriod } from '../src/use-cases/cohort-periods.ts';
import type { World } from './random-world.ts';

/** What is asked for; empty: all. */
export interface OracleScope {
  readonly botId: string;
  readonly groupId: string;
  readonly intent: string;
  readonly channel: string;
}

interface Spoken {
  readonly key: string;
  readonly at: number;
  readonly member: string;
  readonly bot: string;
  readonly group: string;
  readonly intent: string;
  readonly channel: string;
}

interface Sold {
  readonly dialogue: string;
  readonly at: number;
  readonly member: string;
  readonly bot: string;
  readonly group: string;
  readonly intent: string;
  readonly channel: string;
  readonly outcome: number;
  readonly checkout: boolean;
  readonly value: { readonly amount: bigint; readonly currency: string } | null;
  readonly refunds: readonly { readonly at: number; readonly amount: bigint; readonly currency: string }[];
}

const isOf = (
  scope: OracleScope,
  { bot, group, intent, channel }: Readonly<Record<'bot' | 'group' | 'intent' | 'channel', string>>,
) =>
  [
    [scope.botId, bot],
    [scope.groupId, group],
    [scope.intent, intent],
    [scope.channel, channel],
  ].every(([asked, value]) => asked === '' || asked === value);
const isIn = ({ start, end }: Range, at: number) => at >= start.getTime() && at < end.getTime();

const intentOf = (d: World['dialogues'][number]) =>
  d.intent || d.enrichment?.intent || d.reading?.intent || 'unknown';

/** Who said what when. */
function spokenIn({ dialogues }: World): readonly Spoken[] {
  return dialogues.flatMap((d, n) =>
    d.isReported
      ? [
          {
            key: `i${n}`,
            at: d.at,
            member: d.member,
            bot: d.bot,
            group: d.group,
            intent: intentOf(d),
            channel: d.channel || 'unknown',
          },
        ]
      : [],
  );
}

/** What came of it, with what it takes from its interaction. */
function soldIn({ dialogues }: World): readonly Sold[] {
  return dialogues.flatMap((d, n) =>
    d.conversions
      .filter(({ isReported }) => isReported)
      .map((c) => ({
        dialogue: `i${n}`,
        at: c.at,
        member: c.member || (d.isReported ? d.member : ''),
        bot: c.bot || (d.isReported ? d.bot : 'unknown'),
        group: c.group || (d.isReported ? d.group : 'unknown'),
        intent: c.intent || (d.isReported ? intentOf(d) : 'unknown'),
        channel: (d.isReported && d.channel) || 'unknown',
        outcome: c.outcome,
        checkout: c.checkoutCompleted,
        value: c.value,
        refunds: c.refunds,
      })),
  );
}

/** The world as if what goes with a member had never been. */
export function without(world: World, member: string): World {
  return {
    ...world,
    members: world.members.filter((record) => record.member !== member),
    dialogues: world.dialogues.map((d) => {
      const isGone = d.isReported && d.member === member;
      return {
        ...d,
        isReported: d.isReported && !isGone,
        completion: isGone ? null : d.completion,
        enrichment: isGone ? null : d.enrichment,
        ratings: isGone ? [] : d.ratings,
        conversions: d.conversions.map((c) =>
          isGone || (c.isReported && c.member === member) ? { ...c, isReported: false, refunds: [] } : c,
        ),
      };
    }),
  };
}

/** When cohorts begin, and the whole periods from the first one's on. */
function timeOf(window: Range, period: CohortPeriod, zone: string) {
  const timeZone = parseTimeZone(zone);
  const far = new Date(window.end.getTime() + 150 * 86_400_000);
  return {
    beginnings: cutLocal(period, window.start, window.end, timeZone),
    periods: cutLocal(period, window.start, far, timeZone),
  };
}

export interface OracleCohorts {
  readonly window: Range;
  readonly period: CohortPeriod;
  readonly zone: string;
  readonly scope: OracleScope;
  readonly completeTo: Date;
}

/** Members of each cohort by name, one by one. */
function cohortsIn(world: World, { window, period, zone, scope }: OracleCohorts) {
  const spoken = spokenIn(world).filter((one) => one.member !== '' && isOf(scope, one));
  const { beginnings, periods } = timeOf(window, period, zone);
  const names = [...new Set(spoken.map(({ member }) => member))];
  const firstOf = (name: string) =>
    Math.min(...spoken.filter(({ member }) => member === name).map(({ at }) => at));
  const wasThere = (name: string, range: Range | undefined) =>
    range !== undefined && spoken.some(({ member, at }) => member === name && isIn(range, at));
  return {
    beginnings,
    periods,
    wasThere,
    members: beginnings.map((range) => names.filter((name) => isIn(range, firstOf(name)))),
  };
}

/** Retention by cohort: counts, or undefined where the range is not over. */
export function slowRetention(
  world: World,
  asked: OracleCohorts,
  ranges: readonly { readonly start: number; readonly end: number | undefined }[],
) {
  const { periods, members, wasThere } = cohortsIn(world, asked);
  // Without a last period, as far as is read: what comes later in these worlds is nothing.
  return members.map((names, cohort) => ({
    memberCount: names.length,
    returned: ranges.map(({ start, end }) => {
      const lastOfMaturity = periods[cohort + (end ?? start + 1) - 1];
      if (lastOfMaturity === undefined || lastOfMaturity.end > asked.completeTo) return undefined;
      const meant = periods.slice(cohort + start, end === undefined ? undefined : cohort + end);
      return names.filter((name) => meant.some((range) => wasThere(name, range))).length;
    }),
  }));
}

/** What each cohort brought in dollars, in cents, by the end of each period; and what a forecast is made of. */
export function slowLifetime(world: World, asked: OracleCohorts, periodCount: number) {
  const { periods, members, wasThere } = cohortsIn(world, asked);
  const isOver = (index: number) => (periods[index]?.end ?? new Date(8.64e15)) <= asked.completeTo;
  const netOf = (name: string, range: Range) =>
    soldIn(world)
      .filter((one) => one.member === name && isOf(asked.scope, one))
      .reduce((sum, one) => {
        const paid = one.value?.currency === 'USD' && isIn(range, one.at) ? one.value.amount : 0n;
        const back = one.refunds
          .filter(({ currency, at }) => currency === 'USD' && isIn(range, at))
          .reduce((total, { amount }) => total + amount, 0n);
        return sum + paid - back;
      }, 0n);
  let [net, active, followed, stayed] = [0n, 0, 0, 0];
  const cells = members.map((names, cohort) => {
    let sum = 0n;
    return Array.from({ length: periodCount + 1 }, (_, index) => {
      const range = periods[cohort + index];
      if (range === undefined || !isOver(cohort + index)) return undefined;
      const brought = names.reduce((total, name) => total + netOf(name, range), 0n);
      const there = names.filter((name) => wasThere(name, range));
      net += brought;
      active += there.length;
      if (index < periodCount && isOver(cohort + index + 1)) {
        followed += there.length;
        stayed += there.filter((name) => wasThere(name, periods[cohort + index + 1])).length;
      }
      sum += brought;
      return sum;
    });
  });
  return { counts: members.map(({ length }) => length), cells, net, active, followed, stayed };
}

/** How many came how far, and the times that each step took, ascending. */
export function slowFunnel(world: World, window: Range, scope: OracleScope, withinMs: number) {
  const spoken = spokenIn(world).filter(
    (one) => one.member !== '' && isOf(scope, one) && isIn(window, one.at),
  );
  const sold = soldIn(world).filter((one) => isOf(scope, one));
  const reached = [0, 0, 0, 0];
  const took: number[][] = [[], [], [], []];
  for (const member of new Set(spoken.map((one) => one.member))) {
    const own = sold.filter((one) => one.member === member);
    const start = Math.min(...spoken.filter((one) => one.member === member).map(({ at }) => at));
    reached[0] = (reached[0] ?? 0) + 1;
    let before = start;
    for (const [step, isStep] of [
      [1, ({ outcome }: Sold) => outcome === 1 || outcome === 2],
      [2, ({ checkout }: Sold) => checkout],
      [3, ({ outcome }: Sold) => outcome === 1],
    ] as const) {
      const times = own
        .filter((one) => isStep(one) && one.at >= before && one.at - start <= withinMs)
        .map(({ at }) => at)
        .sort((a, b) => a - b);
      const [next] = times;
      if (next === undefined) break;
      reached[step] = (reached[step] ?? 0) + 1;
      took[step]?.push(next - before);
      before = next;
    }
  }
  return { reached, took: took.map((times) => times.sort((a, b) => a - b)) };
}

/** Credits by currency and value; and what the conversions earned by currency. */
export function slowAttribution(
  world: World,
  window: Range,
  scope: OracleScope,
  asked: {
    readonly model: AttributionModel;
    readonly dimension: 'bot' | 'group' | 'intent';
    readonly lookbackMs: number;
  },
) {
  const spoken = spokenIn(world);
  const credits: Record<string, { amount: bigint; conversions: number }> = {};
  const totals: Record<string, bigint> = {};
  let count = 0;
  const add = (key: string, amount: bigint, conversions: number) => {
    const one = (credits[key] ??= { amount: 0n, conversions: 0 });
    one.amount += amount;
    one.conversions += conversions;
  };
  for (const one of soldIn(world)) {
    if (one.value === null || one.value.amount <= 0n || !isIn(window, one.at) || !isOf(scope, one)) continue;
    count += 1;
    const net = new Map([[one.value.currency, one.value.amount]]);
    for (const { amount, currency } of one.refunds) {
      if (amount > 0n) net.set(currency, (net.get(currency) ?? 0n) - amount);
    }
    const touches = spoken
      .filter(
        (touch) =>
          (touch.key === one.dialogue || (one.member !== '' && touch.member === one.member)) &&
          touch.at <= one.at &&
          touch.at >= one.at - asked.lookbackMs,
      )
      .sort((a, b) => a.at - b.at);
    const times = touches.map(({ at }) => at);
    for (const [currency, amount] of net) {
      totals[currency] = (totals[currency] ?? 0n) + amount;
      const isOwn = currency === one.value.currency;
      if (touches.length === 0) add(`${currency} unknown`, amount, isOwn ? 1 : 0);
      const shares = attributionShares(asked.model, times);
      for (const [index, credit] of attributeAmount(asked.model, times, amount).entries()) {
        const value = touches[index]?.[asked.dimension] || 'unknown';
        add(`${currency} ${value}`, credit, isOwn ? (shares[index] ?? 0) : 0);
      }
    }
  }
  return { credits, totals, count };
}
