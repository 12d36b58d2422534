import { normalInterval } from '@parley/statistics';
import { countOf, defineKpi, meanParts, minMeanSample, quotient } from './kpi-definition.ts';
import type { KpiDefinition, SumsAndPeople } from './kpi-definition.ts';
import type { KpiState } from './kpi-state.ts';

/** The guide's mean rating. */
export const avgCsat = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/avg_csat',
  group: 'customer_experience',
  description: 'Mean of the CSAT ratings, in points of their scale.',
  formula: 'Sum of the ratings by their number, ratings of 0 left out. No such rating: no data.',
  unit: 'points',
  source: 'guide: KPI Dashboards 1; ruling A6',
  isProportion: false,
  parts: (state) => quotient(state.csatSumMicros / 1_000_000, state.csatCount),
});

/** The guide's share of positive messages. */
export const positiveSentimentRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/positive_sentiment_rate',
  group: 'customer_experience',
  description: 'Share of the interactions with a sentiment whose sentiment is positive.',
  formula: 'Positive interactions by positive, neutral and negative ones. None of these: no data.',
  unit: 'rate',
  source: 'guide: KPI Dashboards 1; ruling A7',
  isProportion: true,
  parts: (state) => quotient(state.positiveCount, withSentiment(state)),
});

/** The professional satisfaction score. */
export const csatTop2Rate = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/csat_top2_rate',
  group: 'customer_experience',
  description: 'Share of the CSAT ratings in the upper two points of their scale: 4 and 5 of 1 to 5.',
  formula:
    'Ratings not more than 1 below the highest of their scale by all ratings, 0 included. None: no data.',
  unit: 'rate',
  source: 'top-2-box as in definition D6; ruling A6',
  isProportion: true,
  parts: (state) => quotient(state.csatTop2Count, state.csatRatingCount),
});

/** How many would recommend, less how many would not. */
export const nps = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/nps',
  group: 'customer_experience',
  description: 'Share of the NPS ratings of 9 and 10, less that of 0 to 6; times 100, so -100 to 100.',
  formula:
    '100 times (ratings of 9 and 10 less ratings of 0 to 6) by all ratings on the scale of 0 to 10; those on other ' +
    'scales are left out. None: no data.',
  unit: 'score',
  source: 'definition D7; F. F. Reichheld, The One Number You Need to Grow, HBR 12/2003',
  isProportion: false,
  parts: ({ npsCount, npsPromoterCount, npsDetractorCount }) => {
    const parts = quotient(100 * (npsPromoterCount - npsDetractorCount), npsCount);
    if (npsCount < minMeanSample) return parts;
    // The variance of what is 1, 0 or -1: the mean of its square less the square of its mean.
    const score = (npsPromoterCount - npsDetractorCount) / npsCount;
    const variance = (npsPromoterCount + npsDetractorCount) / npsCount - score * score;
    return { ...parts, interval: normalInterval(100 * score, 100 * Math.sqrt(variance / npsCount)) };
  },
});

/** How easy it was. */
export const avgCes = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/avg_ces',
  group: 'customer_experience',
  description: 'Mean of the CES ratings, in points of their scale.',
  formula: 'Sum of the ratings by their number. None: no data.',
  unit: 'points',
  source: 'definition D7',
  isProportion: false,
  parts: ({ cesCount, cesSumMicros, cesSquareSumMicros }) =>
    meanParts({
      count: cesCount,
      sum: cesSumMicros / 1_000_000,
      squareSum: cesSquareSumMicros / 1_000_000,
    }),
});

/** How many found it easy. */
export const cesTop2Rate = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/ces_top2_rate',
  group: 'customer_experience',
  description: 'Share of the CES ratings in the upper two points of their scale: 6 and 7 of 1 to 7.',
  formula: 'Ratings not more than 1 below the highest of their scale by all ratings. None: no data.',
  unit: 'rate',
  source: 'top-2-box as in definition D7',
  isProportion: true,
  parts: (state) => quotient(state.cesTop2Count, state.cesCount),
});

/** How many thumbs are up. */
export const thumbsUpRate = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/thumbs_up_rate',
  group: 'customer_experience',
  description: 'Share of the thumbs that are up.',
  formula: 'Ratings by thumb at the top of their scale by all of them. None: no data.',
  unit: 'rate',
  source: 'feature 5',
  isProportion: true,
  parts: (state) => quotient(state.thumbsUpCount, state.thumbsCount),
});

/** The guide's share of messages that asked for no human. */
export const containmentRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/containment_rate',
  group: 'operational',
  description: 'Share of the interactions whose intent is not exactly `escalate`.',
  formula:
    '1 less the interactions with the intent `escalate` by all interactions. No interactions: no data.',
  unit: 'rate',
  source: 'guide: KPI Dashboards 2; rulings A1, A2, A3',
  isProportion: true,
  parts: (state) => quotient(state.interactionCount - state.escalatedCount, state.interactionCount),
});

/** The guide's resolutions by messages. */
export const resolutionRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/resolution_rate',
  group: 'operational',
  description: 'Conversions that purchased or resolved, by interactions; can exceed 1.',
  formula:
    'Conversions with the outcome `purchased` or `resolved` by interactions. No interactions: no data.',
  unit: 'rate',
  source: 'guide: KPI Dashboards 2; rulings A3, A4',
  isProportion: false,
  parts: (state) => quotient(converted(state), state.interactionCount),
});

/** The guide's mean response time. */
export const avgHandlingTimeMs = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/avg_handling_time_ms',
  group: 'operational',
  description: 'Mean response time of the bot, times of 0 left out.',
  formula: 'Sum of the response times by the number of those above 0. None above 0: no data.',
  unit: 'milliseconds',
  source: 'guide: KPI Dashboards 2; ruling A5',
  isProportion: false,
  parts: (state) => quotient(state.responseTimeSumMs, state.responseTimeCount),
});

/** The guide's number of conversions. */
export const totalConversions = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/total_conversions',
  group: 'operational',
  description: 'Conversions of any outcome, `did_nothing` included.',
  formula: 'Number of conversions. No interaction, conversion or rating: no data; else 0 is a count.',
  unit: 'count',
  source: 'guide: KPI Dashboards 2; ruling A25',
  isProportion: false,
  parts: (state) => countOf(conversions(state), conversions(state), isAnythingRecorded(state)),
});

/** The mean response time that counts the fastest answers too. */
export const avgResponseLatencyMs = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/avg_response_latency_ms',
  group: 'operational',
  description: 'Mean response time of the bot, times of 0 counted.',
  formula: 'Sum of the response times by their number. None: no data.',
  unit: 'milliseconds',
  source: 'ruling A5',
  isProportion: false,
  parts: (state) => quotient(state.responseTimeSumMs, state.latencyCount),
});

/** The conversions that something came of. */
export const convertedCount = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/converted_count',
  group: 'operational',
  description: 'Conversions that purchased or resolved.',
  formula:
    'Number of conversions with the outcome `purchased` or `resolved`. ' +
    'No interaction, conversion or rating: no data; else 0 is a count.',
  unit: 'count',
  source: 'ruling A25',
  isProportion: false,
  parts: (state) => countOf(converted(state), conversions(state), isAnythingRecorded(state)),
});

/** The guide's number of users who were there. */
export const activeUsers = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/active_users',
  group: 'engagement',
  description: 'Different users whose members had an interaction in the window.',
  formula: 'Number of different users linked to the members of the interactions. No interactions: no data.',
  unit: 'count',
  source: 'guide: KPI Dashboards 3; ruling A10',
  isProportion: false,
  parts: ({ interactionCount }, distinct) =>
    countOf(distinct.activeUsers, interactionCount, interactionCount > 0),
});

/** The guide's share of users who were there. */
export const retentionRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/retention_rate',
  group: 'engagement',
  description: 'Active users by all users; can exceed 1 where active users were never recorded as users.',
  formula: '`active_users` by the users recorded before the end of the window. No users: no data.',
  unit: 'rate',
  source: 'guide: KPI Dashboards 3; rulings A10, A11',
  isProportion: false,
  parts: (_, distinct) => quotient(distinct.activeUsers, distinct.users),
});

/** The guide's share of messages that were not given up. */
export const completionRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/completion_rate',
  group: 'engagement',
  description: 'Share of the interactions whose intent is neither `abandoned` nor `fallback`.',
  formula:
    'Interactions with another intent than `abandoned` and `fallback` by all. No interactions: no data.',
  unit: 'rate',
  source: 'guide: KPI Dashboards 3; rulings A3, A12',
  isProportion: true,
  parts: (state) => quotient(state.interactionCount - state.incompleteCount, state.interactionCount),
});

/** The guide's share of messages without an answer. */
export const bounceRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/bounce_rate',
  group: 'engagement',
  description: 'Share of the interactions without a response text, those still being answered included.',
  formula:
    'Interactions whose response text is missing or empty by all interactions. No interactions: no data.',
  unit: 'rate',
  source: 'guide: KPI Dashboards 3; rulings A3, A13',
  isProportion: true,
  parts: (state) => quotient(state.withoutResponseCount, state.interactionCount),
});

/** The guide's number of messages. */
export const totalInteractions = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/total_interactions',
  group: 'engagement',
  description: 'Interactions.',
  formula: 'Number of interactions. No interaction, conversion or rating: no data; else 0 is a count.',
  unit: 'count',
  source: 'guide: KPI Dashboards 3',
  isProportion: false,
  parts: (state) => countOf(state.interactionCount, state.interactionCount, isAnythingRecorded(state)),
});

/** The members who were there, users or not. */
export const activeMembers = defineKpi<SumsAndPeople>({
  definitionId: 'parley.v1/active_members',
  group: 'engagement',
  description: 'Different members who had an interaction in the window, users or not.',
  formula: 'Number of different members of the interactions. No interactions: no data.',
  unit: 'count',
  source: 'ruling A10',
  isProportion: false,
  parts: ({ interactionCount }, distinct) =>
    countOf(distinct.activeMembers, interactionCount, interactionCount > 0),
});

/** The guide's messages by minute. */
export const interactionsPerMinute = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/interactions_per_minute',
  group: 'real_time',
  description: 'Interactions of the last hour by minute.',
  formula: 'Number of interactions by 60. No interaction, conversion or rating: no data; else 0 is a count.',
  unit: 'per_minute',
  source: 'guide: Real-Time Analytics 1; ruling A16',
  isProportion: false,
  parts: (state) => ({
    numerator: state.interactionCount,
    denominator: 60,
    sampleSize: state.interactionCount,
    hasData: isAnythingRecorded(state),
  }),
});

/** The guide's purchases by messages. */
export const conversionRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/conversion_rate',
  group: 'real_time',
  description: 'Purchases of the last hour by interactions of the last hour; can exceed 1.',
  formula: 'Conversions with the outcome `purchased` by interactions. No interactions: no data.',
  unit: 'rate',
  source: 'guide: Real-Time Analytics 1; ruling A15',
  isProportion: false,
  parts: (state) => quotient(state.purchasedCount, state.interactionCount),
});

/** The guide's mean response time of the last hour. */
export const avgResponseTime = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/avg_response_time',
  group: 'real_time',
  description: 'Mean response time of the bot in the last hour, times of 0 left out.',
  formula: 'Sum of the response times by the number of those above 0. None above 0: no data.',
  unit: 'milliseconds',
  source: 'guide: Real-Time Analytics 1; ruling A14',
  isProportion: false,
  parts: (state) => quotient(state.responseTimeSumMs, state.responseTimeCount),
});

/** How often the bot failed. */
export const errorRate = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/error_rate',
  group: 'health',
  description: 'Share of the interactions in which the bot failed.',
  formula:
    'Interactions with an error code, their own or that of their completion, by all interactions. None: no data. In ' +
    'CheckBotHealth with the rows of others of that metric type, by their sample sizes.',
  unit: 'rate',
  source: 'guide: Troubleshooting 1; rulings A17, A18',
  isProportion: true,
  parts: (state) => quotient(state.errorCount, state.interactionCount),
});

/** How long the bot takes on average. */
export const avgLatencyMs = defineKpi<SumsAndPeople>({
  definitionId: 'guide.v1/avg_latency_ms',
  group: 'health',
  description: 'Mean response time of the bot, times of 0 counted.',
  formula:
    'Sum of the response times by their number. None: no data. In CheckBotHealth with the rows of others of the metric ' +
    'type `latency`, by their sample sizes.',
  unit: 'milliseconds',
  source: 'guide: Troubleshooting 1; rulings A5, A18',
  isProportion: false,
  parts: avgResponseLatencyMs.parts,
});

/** Every definition, in the order of their ids. */
export const kpiDefinitions: readonly KpiDefinition[] = [
  activeUsers,
  avgCsat,
  avgHandlingTimeMs,
  avgLatencyMs,
  avgResponseTime,
  bounceRate,
  completionRate,
  containmentRate,
  conversionRate,
  errorRate,
  interactionsPerMinute,
  positiveSentimentRate,
  resolutionRate,
  retentionRate,
  totalConversions,
  totalInteractions,
  activeMembers,
  avgCes,
  avgResponseLatencyMs,
  cesTop2Rate,
  convertedCount,
  csatTop2Rate,
  nps,
  thumbsUpRate,
];

/** The definition of that name or definition id; undefined when there is none. */
export function findKpiDefinition(nameOrId: string): KpiDefinition | undefined {
  return kpiDefinitions.find(({ name, definitionId }) => name === nameOrId || definitionId === nameOrId);
}

/** Whether a 0 in the window is a count: something else was recorded there. */
function isAnythingRecorded(state: KpiState): boolean {
  return state.interactionCount + conversions(state) + state.csatRatingCount > 0;
}

function conversions(state: KpiState): number {
  return state.purchasedCount + state.visitedCount + state.didNothingCount + state.resolvedCount;
}

function converted(state: KpiState): number {
  return state.purchasedCount + state.resolvedCount;
}

function withSentiment(state: KpiState): number {
  return state.positiveCount + state.neutralCount + state.negativeCount;
}
