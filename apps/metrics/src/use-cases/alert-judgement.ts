import type { BurnRate } from '@parley/kpi';
import type { AlertChanges, OpenAlert } from '../storage/alert-store.ts';
import { alertEvidence } from './alert-evidence.ts';
import type { BotObjectives } from './read-objectives.ts';

/** An alert ends when no rule has kept it open for so long. */
export const calmMs = 5 * 60_000;

/**
 * What becomes of a tenant's alerts at an instant.
 *
 * One begins when a rule of its severity alerts; a ticket does not while a page of the same bot and objective is open.
 * A rule that has alerted keeps it open for as long as it is above its threshold in its short window, whatever the long
 * one says. It ends when none has kept it open for five minutes, so that a rate that swings about the threshold is one
 * alert.
 * @param open all that are open.
 * @param bots how all bots fare of which anything is known; of others nothing keeps an alert open.
 */
export function judgeAlerts(
  open: readonly OpenAlert[],
  bots: readonly BotObjectives[],
  { at, newId }: { readonly at: Date; readonly newId: () => string },
): AlertChanges {
  const begun: OpenAlert[] = [];
  const kept: OpenAlert[] = [];
  const ended: OpenAlert[] = [];
  const keyOf = (botId: string, objective: string, severity: string): string =>
    JSON.stringify([botId, objective, severity]);
  const known = new Map(open.map((alert) => [keyOf(alert.botId, alert.objective, alert.severity), alert]));
  const judged = new Set<OpenAlert>();

  /** Whether it is open afterwards. */
  const judge = (alert: OpenAlert, rates: readonly BurnRate[]): boolean => {
    judged.add(alert);
    const heldBy = rates
      .filter(
        ({ isAlerting, longSeconds, shortBurnRate, threshold }) =>
          isAlerting || (alert.heldBy.includes(longSeconds) && shortBurnRate > threshold),
      )
      .map(({ longSeconds }) => longSeconds);
    const calmSince = heldBy.length > 0 ? null : (alert.calmSince ?? at);
    if (calmSince !== null && at.getTime() - calmSince.getTime() >= calmMs) {
      ended.push(alert);
      return false;
    }
    const isSame =
      String(heldBy) === String(alert.heldBy) && calmSince?.getTime() === alert.calmSince?.getTime();
    if (!isSame) kept.push({ ...alert, heldBy, calmSince });
    return true;
  };

  for (const { botId, objectives, rule } of bots) {
    for (const objective of objectives) {
      let isPaged = false;
      // Pages first: they beat tickets.
      for (const severity of ['page', 'ticket'] as const) {
        const rates = objective.burnRates.filter((rate) => rate.severity === severity);
        const alert = known.get(keyOf(botId, objective.name, severity));
        if (alert !== undefined) {
          const isOpen = judge(alert, rates);
          if (severity === 'page') isPaged = isOpen;
          continue;
        }
        const alerting = rates.filter(({ isAlerting }) => isAlerting);
        const [gravest] = alerting;
        if (gravest === undefined || isPaged) continue;
        isPaged = severity === 'page';
        begun.push({
          alertId: newId(),
          botId,
          objective: objective.name,
          severity,
          startedAt: at,
          evidence: alertEvidence(objective, gravest, rule),
          heldBy: alerting.map(({ longSeconds }) => longSeconds),
          calmSince: null,
        });
      }
    }
  }
  for (const alert of open) if (!judged.has(alert)) judge(alert, []);
  return { begun, kept, ended };
}
