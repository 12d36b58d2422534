import type { Moments } from '@parley/statistics';
import * as audience from './audience-kpis.ts';
import type { AudienceFacts, LifecycleFacts } from './audience-kpis.ts';
import type { ChangeEvidence } from './compare-kpis.ts';
import type { ConversationDefinition, ConversationSums } from './conversation-definition.ts';
import { evaluateConversationKpi } from './conversation-definition.ts';
import * as conversation from './conversation-definitions.ts';
import { toKpiValue } from './kpi-definition.ts';
import type { DistinctCounts, KpiDefinition, KpiMeaning, KpiParts } from './kpi-definition.ts';
import { emptyConversationState } from './conversation-state.ts';
import * as kpi from './kpi-definitions.ts';
import { emptyState } from './kpi-state.ts';
import type { KpiState } from './kpi-state.ts';
import type { KpiValue } from './kpi-value.ts';
import * as latency from './latency-kpis.ts';
import type { LatencyBins } from './latency-sketch.ts';
import { emptyRevenue } from './revenue.ts';
import * as revenue from './revenue-kpis.ts';
import type { RevenueFacts } from './revenue-kpis.ts';

/** What has to be read for a figure. What it does not name may be left empty in its inputs. */
export type Ingredient =
  /** Sums over the window's interactions, conversions and ratings. */
  | 'sums'
  /** Response times by bin. */
  | 'latencies'
  /** Sums over the conversations that began in the window. */
  | 'conversations'
  /** Interactions that may still get a response in time. */
  | 'awaiting'
  /** What was earned in the tenant's currency. */
  | 'revenue'
  /** Who paid in the tenant's currency. */
  | 'payers'
  /** Who had an interaction in the window. */
  | 'members'
  /** Which users they are, and how many users there are. */
  | 'users'
  /** What was earned on each of the window's days. */
  | 'day_revenue'
  /** Who had an interaction on each of the window's days. */
  | 'day_members'
  /** Who had an interaction in the 7 days up to the window's end. */
  | 'week_members'
  /** Who had an interaction in the 30 days up to the window's end. */
  | 'month_members'
  /** Who had an interaction in the window of the same length before it, and ever before it. */
  | 'earlier_members';

/** What figures of one window are computed from. */
export interface FigureInputs {
  readonly sums: KpiState;
  readonly people: DistinctCounts;
  readonly latencies: LatencyBins;
  readonly conversations: ConversationSums;
  readonly revenue: RevenueFacts;
  readonly audience: AudienceFacts;
  readonly lifecycle: LifecycleFacts;
}

/** One figure: what it means, what it needs, and its formula. */
export interface Figure {
  readonly meaning: KpiMeaning;
  readonly needs: readonly Ingredient[];
  /** What it is made of, by these inputs; only what it needs is looked at. */
  readonly parts: (inputs: FigureInputs) => KpiParts;
  /** The figure of these inputs. */
  readonly evaluate: (inputs: FigureInputs) => KpiValue;
  /** Of a mean whose values' spread is known: their moments, in the unit of the figure. */
  readonly moments?: (inputs: FigureInputs) => Moments;
  /** Whether it counts things of which one happens without regard to another, so that twice the time holds about twice as many. */
  readonly isEventCount: boolean;
}

interface Traits {
  readonly moments?: NonNullable<Figure['moments']>;
  readonly isEventCount?: boolean;
}

const millionths = 1_000_000;
const eventCount: Traits = { isEventCount: true };

const ofSums = (
  definition: KpiDefinition,
  traits: Traits = {},
  needs: readonly Ingredient[] = ['sums'],
): Figure => toFigure(definition, needs, ({ sums, people }) => definition.parts(sums, people), traits);
const ofLatencies = (definition: KpiDefinition<readonly [LatencyBins]>): Figure =>
  toFigure(definition, ['latencies'], ({ latencies }) => definition.parts(latencies));
const ofConversations = (definition: ConversationDefinition): Figure => ({
  ...toFigure(
    definition,
    conversationNeeds.get(definition) ?? ['conversations'],
    ({ conversations }) => definition.parts(conversations),
    definition === conversation.conversationTotal ? eventCount : {},
  ),
  evaluate: ({ conversations }) => evaluateConversationKpi(definition, conversations),
});
const ofRevenue = (
  definition: KpiDefinition<readonly [RevenueFacts]>,
  needs: readonly Ingredient[],
  traits: Traits = {},
): Figure => toFigure(definition, needs, (inputs) => definition.parts(inputs.revenue), traits);
const ofAudience = (
  definition: KpiDefinition<readonly [AudienceFacts]>,
  needs: readonly Ingredient[],
): Figure => toFigure(definition, needs, (inputs) => definition.parts(inputs.audience));
const ofLifecycle = (definition: KpiDefinition<readonly [LifecycleFacts]>): Figure =>
  toFigure(definition, ['sums', 'members', 'earlier_members'], ({ lifecycle }) =>
    definition.parts(lifecycle),
  );

/** Those that are said of interactions. */
const conversationNeeds: ReadonlyMap<ConversationDefinition, readonly Ingredient[]> = new Map([
  [conversation.fallbackRate, ['sums']],
  [conversation.conversationCoverageRate, ['sums']],
  [conversation.noResponseRate, ['sums', 'awaiting']],
]);

/** What is more than sums, or has a spread or a rhythm of its own. */
const special: ReadonlyMap<KpiDefinition, Figure> = new Map(
  [
    ofSums(kpi.activeMembers, {}, ['sums', 'members']),
    ofSums(kpi.activeUsers, {}, ['sums', 'members', 'users']),
    ofSums(kpi.retentionRate, {}, ['sums', 'members', 'users']),
    ofSums(kpi.totalInteractions, eventCount),
    ofSums(kpi.totalConversions, eventCount),
    ofSums(kpi.convertedCount, eventCount),
    ofSums(kpi.avgCsat, {
      moments: ({ sums }) => ({
        count: sums.csatCount,
        sum: sums.csatSumMicros / millionths,
        squareSum: sums.csatSquareSumMicros / millionths,
      }),
    }),
    ofSums(kpi.avgCes, {
      moments: ({ sums }) => ({
        count: sums.cesCount,
        sum: sums.cesSumMicros / millionths,
        squareSum: sums.cesSquareSumMicros / millionths,
      }),
    }),
    ofSums(kpi.nps, {
      moments: ({ sums: { npsCount, npsPromoterCount, npsDetractorCount } }) => ({
        count: npsCount,
        sum: 100 * (npsPromoterCount - npsDetractorCount),
        squareSum: 10_000 * (npsPromoterCount + npsDetractorCount),
      }),
    }),
  ].map((figure) => [figure.meaning as KpiDefinition, figure] as const),
);

/** Every figure, in the order of their ids; no two have the same name. */
export const figures: readonly Figure[] = [
  ...kpi.kpiDefinitions.map((definition) => special.get(definition) ?? ofSums(definition)),
  ...conversation.conversationDefinitions.map(ofConversations),
  ofLatencies(latency.responseLatencyP50Ms),
  ofLatencies(latency.responseLatencyP90Ms),
  ofLatencies(latency.responseLatencyP95Ms),
  ofLatencies(latency.responseLatencyP99Ms),
  ofRevenue(revenue.revenue, ['sums', 'revenue']),
  ofRevenue(revenue.grossRevenue, ['sums', 'revenue']),
  ofRevenue(revenue.refunded, ['sums', 'revenue']),
  ofRevenue(revenue.revenuePerConversation, ['revenue', 'conversations']),
  ofRevenue(revenue.revenuePerInteraction, ['sums', 'revenue']),
  ofRevenue(revenue.arpu, ['day_revenue', 'day_members']),
  ofRevenue(revenue.arppu, ['revenue', 'payers']),
  ofRevenue(revenue.payingMembers, ['sums', 'revenue', 'payers']),
  ofRevenue(revenue.avgOrderValue, ['revenue'], {
    moments: (inputs) => revenue.orderMoments(inputs.revenue),
  }),
  ofAudience(audience.dau, ['sums', 'day_members']),
  ofAudience(audience.wau, ['sums', 'week_members']),
  ofAudience(audience.mau, ['sums', 'month_members']),
  ofAudience(audience.stickiness, ['sums', 'day_members', 'month_members']),
  ofLifecycle(audience.newMembers),
  ofLifecycle(audience.returningMembers),
  ofLifecycle(audience.resurrectedMembers),
  ofLifecycle(audience.dormantMembers),
].toSorted((one, other) => (one.meaning.definitionId < other.meaning.definitionId ? -1 : 1));

/** The figure of that name or definition id, with or without a gap; undefined when there is none. */
export function findFigure(nameOrId: string): Figure | undefined {
  const [asked = ''] = nameOrId.split('?gap=');
  return byName.get(asked);
}

/** The figure of that name. @throws RangeError when there is none. */
export function getFigure(name: string): Figure {
  const figure = findFigure(name);
  if (figure === undefined) throw new RangeError(`There is no figure ${name}.`);
  return figure;
}

const additive: ReadonlySet<Ingredient> = new Set(['sums', 'conversations', 'awaiting', 'revenue']);

/** Whether it is one sum by another, both of which add up over any parts of a window: a rate or a mean. */
export function isRatio({ needs, evaluate }: Figure): boolean {
  // Of nothing a count is divided by 1, a ratio by 0.
  return needs.every((ingredient) => additive.has(ingredient)) && evaluate(noInputs).denominator === 0;
}

/** What is read where there is nothing. */
const noInputs: FigureInputs = {
  sums: emptyState,
  people: { activeMembers: 0, activeUsers: 0, users: 0 },
  latencies: new Map(),
  conversations: {
    conversations: emptyConversationState,
    interactions: emptyState,
    awaitingCount: 0,
    gapMs: undefined,
  },
  revenue: {
    currencyCode: 'USD',
    revenue: emptyRevenue,
    interactionCount: 0,
    conversationCount: 0,
    payingMemberCount: 0,
    days: [],
  },
  audience: { interactionCount: 0, dayCounts: [], weekCount: 0, monthCount: 0 },
  lifecycle: { interactionCount: 0, days: [], window: [], before: [], ever: [] },
};

const byName: ReadonlyMap<string, Figure> = new Map(
  figures.flatMap((figure) => [
    [figure.meaning.name, figure] as const,
    [figure.meaning.definitionId, figure] as const,
  ]),
);

function toFigure(
  meaning: KpiMeaning,
  needs: readonly Ingredient[],
  parts: Figure['parts'],
  { moments, isEventCount = false }: Traits = {},
): Figure {
  const evaluate = (inputs: FigureInputs): KpiValue => toKpiValue(meaning, parts(inputs));
  return { meaning, needs, parts, evaluate, isEventCount, ...(moments !== undefined && { moments }) };
}

/** What tells how much the figure varies by chance between two windows, of so many milliseconds each. */
export function evidenceOf(
  { meaning, moments, isEventCount }: Figure,
  now: { readonly inputs: FigureInputs; readonly ms: number },
  before: { readonly inputs: FigureInputs; readonly ms: number },
): ChangeEvidence | undefined {
  if (meaning.isProportion) return { kind: 'proportion' };
  if (moments !== undefined) {
    return { kind: 'mean', now: moments(now.inputs), before: moments(before.inputs) };
  }
  if (!isEventCount || now.ms <= 0 || before.ms <= 0) return undefined;
  return { kind: 'count', nowMs: now.ms, beforeMs: before.ms };
}

/** Whether anything tells whether a change of it is more than noise. */
export function isComparable({ meaning, moments, isEventCount }: Figure): boolean {
  return meaning.isProportion || moments !== undefined || isEventCount;
}
