/**
 * The guide's own Python, line by line: what Parley's figures are compared with in tests, and nothing else. Names, order
 * and quirks are the guide's: `created_at` decides and has no upper bound, 0 and '' are as good as missing, the sentiment
 * query ignores `days`, and where Python divides by zero a ZeroDivisionError is thrown. Times are milliseconds since 1970.
 */

/** Thrown where the guide's Python divides by zero. */
export class ZeroDivisionError extends Error {
  constructor() {
    super('division by zero');
    this.name = 'ZeroDivisionError';
  }
}

export interface CustomerFeedbackRow {
  readonly tenant_id: string;
  readonly created_at: number;
  readonly csat_rating: number | null;
}

export interface BotInteractionRow {
  readonly tenant_id: string;
  readonly created_at: number;
  readonly intent: string | null;
  readonly sentiment: string | null;
  readonly response_text: string | null;
  readonly response_time_ms: number | null;
}

export interface ConversionTrackingRow {
  readonly tenant_id: string;
  readonly created_at: number;
  readonly outcome: string;
}

export interface GroupMemberRow {
  readonly tenant_id: string;
  readonly user_id: string | null;
  readonly last_activity: number;
}

export interface UserRow {
  readonly tenant_id: string;
}

/** The guide's database. */
export interface GuideTables {
  readonly customerFeedback: readonly CustomerFeedbackRow[];
  readonly botInteractions: readonly BotInteractionRow[];
  readonly conversionTracking: readonly ConversionTrackingRow[];
  readonly groupMembers: readonly GroupMemberRow[];
  readonly users: readonly UserRow[];
}

const day = 24 * 60 * 60 * 1000;
const hour = 60 * 60 * 1000;

/** `get_customer_experience_kpis(tenant_id, days)`, called at `utcnow`. */
export function getCustomerExperienceKpis(db: GuideTables, tenantId: string, utcnow: number, days = 30) {
  const feedback = db.customerFeedback.filter(
    (row) => row.tenant_id === tenantId && row.created_at >= utcnow - days * day,
  );
  const ratings = feedback.map((f) => f.csat_rating).filter(isTruthy);
  const avgCsat = divide(sum(ratings), ratings.length);

  const interactions = db.botInteractions.filter(
    (row) => row.tenant_id === tenantId && row.sentiment !== null,
  );
  const sentimentDist: Record<string, number> = {};
  for (const { sentiment } of interactions) {
    if (sentiment !== null) sentimentDist[sentiment] = (sentimentDist[sentiment] ?? 0) + 1;
  }

  return {
    avg_csat: avgCsat,
    sentiment_distribution: sentimentDist,
    positive_sentiment_rate: divide(sentimentDist['positive'] ?? 0, interactions.length),
  };
}

/** `get_operational_kpis(tenant_id, days)`, called at `utcnow`. */
export function getOperationalKpis(db: GuideTables, tenantId: string, utcnow: number, days = 30) {
  const interactions = db.botInteractions.filter(
    (row) => row.tenant_id === tenantId && row.created_at >= utcnow - days * day,
  );
  const conversions = db.conversionTracking.filter(
    (row) => row.tenant_id === tenantId && row.created_at >= utcnow - days * day,
  );

  const escalated = interactions.filter((i) => i.intent === 'escalate').length;
  const containmentRate = interactions.length ? 1 - divide(escalated, interactions.length) : 0;

  const resolved = conversions.filter((c) => ['purchased', 'resolved'].includes(c.outcome)).length;
  const resolutionRate = interactions.length ? divide(resolved, interactions.length) : 0;

  const responseTimes = interactions.map((i) => i.response_time_ms).filter(isTruthy);
  const avgHandlingTime = responseTimes.length ? divide(sum(responseTimes), responseTimes.length) : 0;

  return {
    containment_rate: containmentRate,
    resolution_rate: resolutionRate,
    avg_handling_time_ms: avgHandlingTime,
    total_conversions: conversions.length,
  };
}

/** `get_engagement_kpis(tenant_id, days)`, called at `utcnow`. */
export function getEngagementKpis(db: GuideTables, tenantId: string, utcnow: number, days = 30) {
  const members = db.groupMembers.filter(
    (row) => row.tenant_id === tenantId && row.last_activity >= utcnow - days * day,
  );
  const interactions = db.botInteractions.filter(
    (row) => row.tenant_id === tenantId && row.created_at >= utcnow - days * day,
  );

  const activeUsers = new Set(members.map((m) => m.user_id).filter(isTruthy)).size;
  const totalUsers = db.users.filter((row) => row.tenant_id === tenantId).length;
  const retentionRate = totalUsers > 0 ? divide(activeUsers, totalUsers) : 0;

  const completedConvos = interactions.filter(
    (i) => i.intent === null || !['abandoned', 'fallback'].includes(i.intent),
  ).length;
  const completionRate = interactions.length ? divide(completedConvos, interactions.length) : 0;

  const singleMessageSessions = interactions.filter((i) => !isTruthy(i.response_text)).length;
  const bounceRate = interactions.length ? divide(singleMessageSessions, interactions.length) : 0;

  return {
    active_users: activeUsers,
    retention_rate: retentionRate,
    completion_rate: completionRate,
    bounce_rate: bounceRate,
    total_interactions: interactions.length,
  };
}

/** `get_real_time_metrics(tenant_id)`, called at `utcnow`. */
export function getRealTimeMetrics(db: GuideTables, tenantId: string, utcnow: number) {
  const oneHourAgo = utcnow - hour;
  const recentInteractions = db.botInteractions.filter(
    (row) => row.tenant_id === tenantId && row.created_at >= oneHourAgo,
  );
  const recentConversions = db.conversionTracking.filter(
    (row) => row.tenant_id === tenantId && row.created_at >= oneHourAgo,
  );
  const responseTimes = recentInteractions.map((i) => i.response_time_ms).filter(isTruthy);
  const purchased = recentConversions.filter((c) => c.outcome === 'purchased');

  return {
    interactions_per_minute: divide(recentInteractions.length, 60),
    conversion_rate: recentInteractions.length ? divide(purchased.length, recentInteractions.length) : 0,
    avg_response_time: recentInteractions.length ? divide(sum(responseTimes), responseTimes.length) : 0,
  };
}

/** `if value:` */
function isTruthy<T extends number | string>(value: T | null): value is T {
  return value !== null && value !== 0 && value !== '';
}

/** `a / b` */
function divide(numerator: number, denominator: number): number {
  if (denominator === 0) throw new ZeroDivisionError();
  return numerator / denominator;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
