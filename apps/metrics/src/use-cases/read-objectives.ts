import { cutWindow } from '@parley/calendar';
import type { Transaction } from '@parley/database';
import { burnStatus, burnWindowSeconds, objectivesOf } from '@parley/kpi';
import type { HealthRule, JudgedCount, Objective, ObjectiveStatus } from '@parley/kpi';
import { findHealthSettings } from '../storage/health-settings.ts';
import { readFailures, readSlowAnswers } from '../storage/judged-counts.sql.ts';
import type { BotCount } from '../storage/judged-counts.sql.ts';
import { healthRuleOf } from './health-rules.ts';

/** Whose objectives, and as of when. */
export interface ObjectivesQuestion {
  readonly partition: number;
  readonly tenantId: string;
  /** The generation that answers. */
  readonly generation: number;
  /** Empty: all bots that had an interaction in the three days up to `at`. */
  readonly botId: string;
  /** The end of all windows; what occurs at it is in none. To the millisecond. */
  readonly at: Date;
}

/** How a bot's objectives fare. */
export interface BotObjectives {
  readonly botId: string;
  /** By what it is judged. */
  readonly rule: HealthRule;
  /** `success`, then `latency`. */
  readonly objectives: readonly ObjectiveStatus[];
}

/**
 * How the objectives of a tenant's bots fare at an instant, in the order of bots; a bot that is named is always there. Of
 * `success` interactions are judged, by whether the bot failed; of `latency` those whose response time is known, exact
 * but for times within 1 % of the threshold. One statement for each, whatever the number of bots, and one for the rules.
 */
export async function readObjectives(
  tx: Transaction,
  question: ObjectivesQuestion,
): Promise<readonly BotObjectives[]> {
  const { botId, at } = question;
  const settings = await findHealthSettings(tx, question);
  const windows = burnWindowSeconds.map((seconds) => {
    const start = new Date(at.getTime() - seconds * 1_000);
    return { start, end: at, cut: cutWindow(start, at) };
  });
  const thresholds = new Map(
    ['', ...settings.map((one) => one.botId)].map((bot) => [
      bot,
      healthRuleOf(settings, bot).latencyThresholdMs,
    ]),
  );
  const counts: Readonly<Record<Objective['name'], BotCounts>> = {
    success: byBot(await readFailures(tx, question, windows)),
    latency: byBot(await readSlowAnswers(tx, question, windows, thresholds)),
  };
  const bots = botId === '' ? [...counts.success.keys()].sort() : [botId];
  return bots.map((bot) => {
    const rule = healthRuleOf(settings, bot);
    return {
      botId: bot,
      rule,
      objectives: objectivesOf(rule).map((objective) =>
        burnStatus(
          objective,
          (seconds) => counts[objective.name].get(bot)?.get(seconds) ?? { total: 0, bad: 0 },
          rule.minSampleSize,
        ),
      ),
    };
  });
}

/** What was judged, by bot and length of the window in seconds. */
type BotCounts = ReadonlyMap<string, ReadonlyMap<number, JudgedCount>>;

function byBot(counts: readonly BotCount[]): BotCounts {
  const bots = new Map<string, Map<number, JudgedCount>>();
  for (const { position, botId, total, bad } of counts) {
    const seconds = burnWindowSeconds[position];
    // What was taken back altogether is not there.
    if (seconds === undefined || total === 0) continue;
    const ofBot = bots.get(botId) ?? new Map<number, JudgedCount>();
    bots.set(botId, ofBot.set(seconds, { total, bad }));
  }
  return bots;
}
