import type { BotFigures, CollectedSums, ExaminedWindow, KnownBot } from '../storage/collection.sql.ts';

// What the collection doctor makes of the figures: pure. docs/collection-doctor.md tells each finding.

/** From where on something is a finding. Shares are of a bot's events that were looked at. */
export const thresholds = {
  /** A bot that was active in the four weeks before and sent nothing for so long is silent. */
  silentMs: 24 * 3_600_000,
  /** Busy hours without an event, one after the other. */
  gapHours: 3,
  /** Below so many events no share is judged. */
  fewestEvents: 20,
  missingMember: 0.2,
  missingConversation: 0.2,
  missingIntent: 0.5,
  missingMessage: 0.5,
  skewWarningMs: 60_000,
  skewCriticalMs: 3_600_000,
  futureWarning: 0.01,
  futureCritical: 0.1,
  ancientWarning: 0.01,
  duplicateWarning: 0.05,
  rejectedCritical: 0.05,
  unlinkedWarning: 0.01,
  unlinkedCritical: 0.2,
  uncompletedWarning: 0.2,
} as const;

/** Whole weeks of history from which it is known when a bot is usually busy. */
export const historyWeeks = 4;

export type Severity = 'info' | 'warning' | 'critical';

export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly evidence: string;
  readonly advice: string;
}

export interface Gap {
  readonly start: Date;
  readonly end: Date;
}

export interface ExaminedBot {
  readonly known: KnownBot;
  /** Undefined: it has no event in the window. */
  readonly figures: BotFigures | undefined;
  readonly unknownIntents: readonly string[];
  /** Hours with events in the weeks before the window's end, in their order. */
  readonly busyHours: readonly Date[];
}

const hourMs = 3_600_000;
const weekHours = 168;

/**
 * The longest run of usually busy hours without an event, within the window and before the hour in which it ends. Busy is
 * an hour of the week that had events in at least half of the weeks.
 */
export function longestGap(busyHours: readonly Date[], { start, end }: ExaminedWindow): Gap | undefined {
  const hours = new Set(busyHours.map((hour) => Math.floor(hour.getTime() / hourMs)));
  const weeksByHour = new Map<number, number>();
  for (const hour of hours) weeksByHour.set(hour % weekHours, (weeksByHour.get(hour % weekHours) ?? 0) + 1);
  const isBusy = (hour: number): boolean => (weeksByHour.get(hour % weekHours) ?? 0) >= historyWeeks / 2;

  let longest: { from: number; to: number; busy: number } | undefined;
  let run: { from: number; to: number; busy: number } | undefined;
  const last = Math.floor(end.getTime() / hourMs);
  for (let hour = Math.ceil(start.getTime() / hourMs); hour < last; hour += 1) {
    if (hours.has(hour)) run = undefined;
    else if (isBusy(hour)) {
      run = { from: run?.from ?? hour, to: hour + 1, busy: (run?.busy ?? 0) + 1 };
      if (run.busy > (longest?.busy ?? 0)) longest = run;
    }
  }
  if (longest === undefined || longest.busy < thresholds.gapHours) return undefined;
  return { start: new Date(longest.from * hourMs), end: new Date(longest.to * hourMs) };
}

/** What is wrong with one bot, the worst first. */
export function judgeBot(bot: ExaminedBot, window: ExaminedWindow): readonly Finding[] {
  const { known, figures, unknownIntents, busyHours } = bot;
  const findings: Finding[] = [];
  const lastAt = known.occurred_at;
  const quietMs = window.end.getTime() - lastAt.getTime();
  if (quietMs >= thresholds.silentMs) {
    findings.push({
      code: 'SILENT',
      // A bot that has been quiet for all of the history may have been retired.
      severity: busyHours.length > 0 ? 'critical' : 'info',
      evidence: `No interaction for ${hoursText(quietMs)}; the last one occurred at ${lastAt.toISOString()}.`,
      advice:
        'See that the bot is running and that its client reaches Parley: look for errors of the client, a revoked key, a full queue. If the bot was retired, nothing is to be done.',
    });
  } else {
    const gap = longestGap(busyHours, window);
    if (gap !== undefined) {
      findings.push({
        code: 'GAP',
        severity: 'warning',
        evidence: `No interaction from ${gap.start.toISOString()} to ${gap.end.toISOString()}, when it is usually busy.`,
        advice:
          'Compare with outages and deployments of that time; what the client spilled to disk can still be sent.',
      });
    }
  }
  if (figures !== undefined) findings.push(...judgeFigures(figures));
  if (unknownIntents.length > 0) {
    findings.push({
      code: 'UNKNOWN_INTENT',
      severity: 'info',
      evidence: `It sends intents that neither the guide nor the tenant's model knows: ${unknownIntents.slice(0, 5).join(', ')}.`,
      advice:
        'See that they are spelled as meant: only `escalate`, `abandoned` and `fallback` count in the guide’s rates, and `escalation` does not.',
    });
  }
  return worstFirst(findings);
}

function judgeFigures(figures: BotFigures): readonly Finding[] {
  const events = Number(figures.events);
  if (events === 0) return [];
  const findings: Finding[] = [];
  const share = (count: bigint): number => Number(count) / events;
  const isMany = events >= thresholds.fewestEvents;
  const of = (count: bigint): string => `${count} of ${events} interactions (${percent(share(count))})`;
  const missing = (field: string, count: bigint, most: number, advice: string): void => {
    if (!isMany || share(count) <= most) return;
    findings.push({
      code: 'FIELD_MISSING',
      severity: 'warning',
      evidence: `${of(count)} have no ${field}.`,
      advice,
    });
  };
  missing(
    'intent',
    figures.unread_intent,
    thresholds.missingIntent,
    'Send the intent, or send the text so that Parley can tell it.',
  );
  missing(
    'member_id',
    figures.without_member,
    thresholds.missingMember,
    'Send a stable id of the member: without it active users and retention are too low.',
  );
  missing(
    'conversation_id',
    figures.without_conversation,
    thresholds.missingConversation,
    'Send the conversation’s id (session_id): figures of conversations need it.',
  );
  missing(
    'message_text',
    figures.without_message,
    thresholds.missingMessage,
    'Send the text, unless you leave it out on purpose: intent and sentiment can’t be told without it.',
  );

  const skew = figures.skew_ms;
  if (skew !== null && Math.abs(skew) > thresholds.skewWarningMs) {
    findings.push({
      code: 'CLOCK_SKEW',
      severity: Math.abs(skew) > thresholds.skewCriticalMs ? 'critical' : 'warning',
      evidence: `Events are received ${Math.round(skew / 1000)} s after they say that they were sent (median).`,
      advice:
        'Set the clock of the bot’s machine by NTP and send times in UTC or with their offset; about a whole number of hours is a time zone that was left out.',
    });
  }
  if (share(figures.future) > thresholds.futureWarning) {
    findings.push({
      code: 'FUTURE_EVENTS',
      severity: share(figures.future) > thresholds.futureCritical ? 'critical' : 'warning',
      evidence: `${of(figures.future)} occurred more than a minute after they were received.`,
      advice: 'The clock is ahead, or local time is sent as UTC.',
    });
  }
  if (share(figures.ancient) > thresholds.ancientWarning) findings.push(ancientFinding(of(figures.ancient)));
  if (isMany && share(figures.uncompleted) > thresholds.uncompletedWarning) {
    findings.push({
      code: 'UNCOMPLETED',
      severity: 'warning',
      evidence: `${of(figures.uncompleted)} have neither an answer nor a completion an hour later.`,
      advice:
        'Call CompleteInteraction after the reply, also when it failed (with error_code), or send the answer with the interaction.',
    });
  }
  return findings;
}

function ancientFinding(count: string): Finding {
  return {
    code: 'ANCIENT_EVENTS',
    severity: 'warning',
    evidence: `${count} were received more than seven days after they occurred.`,
    advice:
      'Expected after an import. Otherwise a clock is behind, or seconds are sent as milliseconds or the other way round.',
  };
}

export interface TenantFigures {
  readonly hasBots: boolean;
  readonly sums: CollectedSums;
  readonly conversions: bigint;
  readonly unlinked: bigint;
  readonly quarantined: readonly { readonly reason: string; readonly events: bigint }[];
}

/** What is wrong with no bot in particular, the worst first. */
export function judgeTenant({
  hasBots,
  sums,
  conversions,
  unlinked,
  quarantined,
}: TenantFigures): readonly Finding[] {
  const findings: Finding[] = [];
  if (!hasBots) {
    findings.push({
      code: 'NO_EVENTS',
      severity: 'critical',
      evidence: 'There is no interaction at all.',
      advice:
        'See that the bot calls Parley, with this tenant’s key and this address; README has a first event by curl.',
    });
  }
  const known = sums.accepted + sums.duplicate;
  const received = known + sums.conflict + sums.rejected;
  const share = (count: bigint, of: bigint): number => (of === 0n ? 0 : Number(count) / Number(of));
  const isMany = Number(received) >= thresholds.fewestEvents;
  if (isMany && share(sums.duplicate, known) > thresholds.duplicateWarning) {
    findings.push({
      code: 'MANY_DUPLICATES',
      severity: 'warning',
      evidence: `${sums.duplicate} of ${known} events (${percent(share(sums.duplicate, known))}) had come before.`,
      advice:
        'They count once. Many of them tell of time-outs or of two reporters: raise the client’s deadline, and report each event from one place.',
    });
  }
  if (sums.rejected > 0n) {
    const reasons = quarantined.map(({ reason, events }) => `${reason} ${events}`).join(', ');
    findings.push({
      code: 'REJECTED_EVENTS',
      severity: share(sums.rejected, received) > thresholds.rejectedCritical ? 'critical' : 'warning',
      evidence: `${sums.rejected} of ${received} events were rejected${reasons === '' ? '' : `; in quarantine: ${reasons}`}.`,
      advice: 'Quarantine holds them with the fields at fault: repair the producer, then replay them.',
    });
  }
  if (sums.conflict > 0n) {
    findings.push({
      code: 'CONFLICTS',
      severity: 'warning',
      evidence: `${sums.conflict} events had the id of another one with other content.`,
      advice:
        'Give each event an id of its own, and never change an event that was sent; the first one stays.',
    });
  }
  if (isMany && share(sums.ancient, sums.accepted) > thresholds.ancientWarning) {
    findings.push(ancientFinding(`${sums.ancient} of ${sums.accepted} accepted events`));
  }
  if (share(unlinked, conversions) > thresholds.unlinkedWarning) {
    findings.push({
      code: 'UNLINKED_CONVERSIONS',
      severity: share(unlinked, conversions) > thresholds.unlinkedCritical ? 'critical' : 'warning',
      evidence: `${unlinked} of ${conversions} conversions name an interaction that is not there.`,
      advice:
        'Report a conversion with the id that RecordInteraction was given or answered; its revenue has no intent otherwise.',
    });
  }
  return worstFirst(findings);
}

const ranks: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** Of findings; 3 when there are none. */
export function worstRank(findings: readonly Finding[]): number {
  return Math.min(3, ...findings.map(({ severity }) => ranks[severity]));
}

function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => ranks[a.severity] - ranks[b.severity]);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function hoursText(ms: number): string {
  const hours = Math.floor(ms / hourMs);
  return hours < 72 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
