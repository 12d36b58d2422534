import { otherBots } from '../storage/collection-counts.ts';
import type { CollectedKind } from '../storage/collection-counts.ts';
import type {
  BotFigures,
  CollectedSums,
  ExaminedWindow,
  KnownBot,
  QuarantinedFault,
} from '../storage/collection.sql.ts';
import { misspeltIntent } from './misspelt-intent.ts';

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
  ancientMs: 7 * 24 * 3_600_000,
  ancientWarning: 0.01,
  /** An import takes no longer; a clock that is behind stays so. */
  importHours: 2,
  duplicateWarning: 0.05,
  rejectedCritical: 0.05,
  refusedWarning: 0.5,
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
  readonly unknownIntents: readonly { readonly intent: string; readonly count: number }[];
  /** Whether the tenant has texts kept; where not, that there are none is as it should be. */
  readonly keepsTexts: boolean;
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
  if (isMistimed(known, window)) findings.push(mistimed(known));
  else if (quietMs >= thresholds.silentMs) {
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
  if (figures !== undefined) findings.push(...judgeFigures(figures, bot.keepsTexts));
  findings.push(...judgeIntents(unknownIntents));
  return worstFirst(findings);
}

/** Whether the bot sends, but nothing that occurred lately by what it says. */
function isMistimed({ occurred_at, received_at }: KnownBot, { end }: ExaminedWindow): boolean {
  return (
    received_at.getTime() - occurred_at.getTime() > thresholds.ancientMs &&
    end.getTime() - received_at.getTime() < thresholds.silentMs
  );
}

function mistimed({ occurred_at, received_at }: KnownBot): Finding {
  const code = 'ANCIENT_EVENTS';
  const evidence = `Its latest interaction was received at ${received_at.toISOString()}, but says that it occurred at ${occurred_at.toISOString()}.`;
  // What is a thousand times too small is a time near the start of 1970.
  const inMilliseconds = occurred_at.getTime() * 1000;
  if (Math.abs(received_at.getTime() - inMilliseconds) < 366 * 24 * hourMs) {
    return {
      code,
      severity: 'critical',
      evidence,
      advice: 'Seconds are sent where milliseconds are meant: multiply by 1,000.',
    };
  }
  return { code, severity: 'info', evidence, advice: ancientAdvice };
}

function judgeIntents(unknown: ExaminedBot['unknownIntents']): readonly Finding[] {
  const misspelt = unknown.flatMap(({ intent, count }) => {
    const meant = misspeltIntent(intent);
    return meant === undefined ? [] : [`${intent} ${count} times, for ${meant}`];
  });
  const others = unknown.filter(({ intent }) => misspeltIntent(intent) === undefined);
  const findings: Finding[] = [];
  if (misspelt.length > 0) {
    findings.push({
      code: 'UNKNOWN_INTENT',
      severity: 'warning',
      evidence: `It sends intents that look like the guide's and are not: ${misspelt.slice(0, 5).join('; ')}.`,
      advice:
        'Send `escalate`, `abandoned` and `fallback` to the letter: containment and completion count nothing else.',
    });
  }
  if (others.length > 0) {
    const list = others.slice(0, 5).map(({ intent, count }) => `${intent} ${count} times`);
    findings.push({
      code: 'UNKNOWN_INTENT',
      severity: 'info',
      evidence: `It sends intents that neither the guide nor the tenant's model knows: ${list.join(', ')}.`,
      advice:
        'Nothing is to be done where they are your own and spelled as meant; train a model by them, and texts without intent are read as them too.',
    });
  }
  return findings;
}

function judgeFigures(figures: BotFigures, keepsTexts: boolean): readonly Finding[] {
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
    keepsTexts ? figures.without_message : 0n,
    thresholds.missingMessage,
    'Send the text, unless you leave it out on purpose: intent and sentiment can’t be told without it.',
  );

  const skew = figures.skew_ms;
  if (skew !== null && Math.abs(skew) > thresholds.skewWarningMs) {
    findings.push({
      code: 'CLOCK_SKEW',
      severity: Math.abs(skew) > thresholds.skewCriticalMs ? 'critical' : 'warning',
      evidence: `Its clock is ${durationText(Math.abs(skew))} ${skew < 0 ? 'ahead' : 'behind'}: events are received ${Math.round(skew / 1000)} s after they say that they were sent (median).`,
      advice: `Times are corrected by it, as well as sent_at tells. ${clockAdvice(skew)}`,
    });
  }
  if (share(figures.future) > thresholds.futureWarning) {
    findings.push({
      code: 'FUTURE_EVENTS',
      severity: share(figures.future) > thresholds.futureCritical ? 'critical' : 'warning',
      evidence: `${of(figures.future)} occurred more than a minute after they were received, by ${durationText(figures.future_ms ?? 0)} (median).`,
      advice: `${clockAdvice(figures.future_ms ?? 0)} With sent_at, times are corrected.`,
    });
  }
  if (share(figures.ancient) > thresholds.ancientWarning) {
    findings.push({
      code: 'ANCIENT_EVENTS',
      severity: 'info',
      evidence: `${of(figures.ancient)} were received more than seven days after they occurred.`,
      advice: ancientAdvice,
    });
  }
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

const ancientAdvice =
  'Nothing is to be done after an import, or where a client sends what it had kept. Otherwise the clock is behind: set it by NTP, and send sent_at.';

/** What to do about a clock that is wrong by so much. */
function clockAdvice(ms: number): string {
  const hours = Math.abs(ms) / hourMs;
  const isZone = hours >= 0.4 && Math.abs(hours * 4 - Math.round(hours * 4)) < 0.15;
  return isZone
    ? 'That is a time zone left out: send times in UTC, or with their offset.'
    : 'Set the clock of the bot’s machine by NTP.';
}

export interface TenantFigures {
  /** The bot that was asked about; undefined: all. */
  readonly botId: string | undefined;
  readonly hasBots: boolean;
  readonly collected: readonly CollectedSums[];
  readonly conversions: bigint;
  readonly unlinked: bigint;
  readonly quarantined: readonly QuarantinedFault[];
}

/** What is wrong with no bot in particular, the worst first; where one was asked about, with what it sent. */
export function judgeTenant(figures: TenantFigures): readonly Finding[] {
  const { botId, hasBots, collected, conversions, unlinked, quarantined } = figures;
  const findings: Finding[] = [];
  if (!hasBots) {
    findings.push({
      code: 'NO_EVENTS',
      severity: 'critical',
      evidence:
        botId === undefined
          ? 'There is no interaction at all.'
          : `There is no interaction of ${JSON.stringify(botId)}.`,
      advice:
        'See that the bot calls Parley, with this tenant’s key and this address, and that its id is spelled as here; README has a first event by curl.',
    });
  }
  const sum = (kind: CollectedKind): bigint => sumOf(collected, kind);
  const known = sum('accepted') + sum('duplicate');
  const received = known + sum('conflict') + sum('rejected');
  const share = (count: bigint, of: bigint): number => (of === 0n ? 0 : Number(count) / Number(of));
  const isMany = Number(received) >= thresholds.fewestEvents;
  const duplicate = sum('duplicate');
  if (isMany && share(duplicate, known) > thresholds.duplicateWarning) {
    findings.push({
      code: 'MANY_DUPLICATES',
      severity: 'warning',
      evidence: `${duplicate} of ${known} events (${percent(share(duplicate, known))}) had come before${byBot(collected, 'duplicate')}.`,
      advice:
        'They count once. Many of them tell of time-outs or of two reporters: raise the client’s deadline, and report each event from one place.',
    });
  }
  const rejected = sum('rejected');
  if (rejected > 0n) {
    findings.push({
      code: 'REJECTED_EVENTS',
      severity: share(rejected, received) > thresholds.rejectedCritical ? 'critical' : 'warning',
      evidence: `${rejected} of ${received} events were rejected${byBot(collected, 'rejected')}${faultsText(quarantined)}.`,
      advice:
        'Repair the producer by the fields at fault, then correct and replay what is in quarantine (`parley quarantine`).',
    });
  }
  const conflict = sum('conflict');
  if (conflict > 0n) {
    findings.push({
      code: 'CONFLICTS',
      severity: 'warning',
      evidence: `${conflict} events had the id of another one with other content${byBot(collected, 'conflict')}.`,
      advice:
        'Give each event an id of its own, and never change an event that was sent; the first one stays.',
    });
  }
  const refused = sum('refused');
  if (refused > 0n) {
    const of = received + refused;
    findings.push({
      code: 'REFUSED_EVENTS',
      severity: share(refused, of) > thresholds.refusedWarning ? 'warning' : 'info',
      evidence: `${refused} of ${of} events (${percent(share(refused, of))}) were refused for want of consent${byBot(collected, 'refused')}; nothing of them is kept.`,
      advice:
        'Nothing is to be done where members or groups have said no: figures are of the rest. Otherwise see whose consent is withdrawn (GetConsent), and don’t send what may not be kept.',
    });
  }
  const ancient = sum('ancient');
  if (isMany && share(ancient, sum('accepted')) > thresholds.ancientWarning) {
    const hours = new Set(collected.flatMap(({ ancient_hours }) => ancient_hours.map((at) => at.getTime())));
    findings.push({
      code: 'ANCIENT_EVENTS',
      severity: hours.size > thresholds.importHours ? 'warning' : 'info',
      evidence: `${ancient} of ${sum('accepted')} accepted events were received more than seven days after they occurred, within ${hours.size === 1 ? 'an hour' : `${hours.size} hours`}${byBot(collected, 'ancient')}.`,
      advice: ancientAdvice,
    });
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

export function sumOf(collected: readonly CollectedSums[], kind: CollectedKind): bigint {
  return collected.reduce((sum, bot) => sum + bot[kind], 0n);
}

const shownBots = 3;
const shownFaults = 4;

/** Whose they are, where there is more than one. */
function byBot(collected: readonly CollectedSums[], kind: CollectedKind): string {
  const bots = collected
    .filter((bot) => bot[kind] > 0n && bot.bot_id !== '')
    .toSorted(
      (a, b) =>
        Number(a.bot_id === otherBots) - Number(b.bot_id === otherBots) ||
        Number(b[kind] - a[kind]) ||
        (a.bot_id < b.bot_id ? -1 : 1),
    );
  if (bots.length === 0 || collected.length === 1) return '';
  const isOther = ({ bot_id: botId }: CollectedSums, index: number) =>
    index >= shownBots || botId === otherBots;
  const shown = bots.filter((bot, index) => !isOther(bot, index)).map((bot) => `${bot.bot_id} ${bot[kind]}`);
  const others = sumOf(bots.filter(isOther), kind);
  return ` (${[...shown, ...(others > 0n ? [`other bots ${others}`] : [])].join(', ')})`;
}

/** What is wrong with the rejected ones, as far as they are in quarantine. */
function faultsText(quarantined: readonly QuarantinedFault[]): string {
  const faults = quarantined.filter(({ reason }) => reason !== 'EVENT_CONFLICT');
  if (faults.length === 0) return '';
  const shown = faults.slice(0, shownFaults).map(({ reason, field, description, events }) => {
    const what = field === null ? '' : ` ${field} ${description ?? ''}`.trimEnd();
    return `${reason}${what}: ${events}`;
  });
  return `; in quarantine: ${shown.join('; ')}${faults.length > shownFaults ? '; …' : ''}`;
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

/** In the largest unit of which there are two. */
function durationText(ms: number): string {
  const units = [
    ['days', 24 * hourMs],
    ['hours', hourMs],
    ['minutes', 60_000],
  ] as const;
  const [name, size] = units.find(([, unit]) => ms >= 2 * unit - unit / 10) ?? ['seconds', 1000];
  return `${Number((ms / size).toFixed(1))} ${name}`;
}

function hoursText(ms: number): string {
  const hours = Math.floor(ms / hourMs);
  return hours < 72 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
