import { burnWindowSeconds } from '@parley/kpi';
import type { Database, Transaction } from '@parley/database';
import type { ProjectionReader } from '@parley/projection';
import type { Logger } from '@parley/runtime';
import {
  countAlertChanges,
  listKnownTenants,
  moveAlertClock,
  takeAlertClock,
} from '../storage/alert-clock.ts';
import type { DuePartition } from '../storage/alert-clock.ts';
import { findOpenAlerts, writeAlertChanges } from '../storage/alert-store.ts';
import { judgeAlerts } from './alert-judgement.ts';
import { readObjectives } from './read-objectives.ts';
import type { BotObjectives } from './read-objectives.ts';

/** Where tests end the process: a page of tenants is read, their changes are written but not committed, committed. */
export type AlertFailpoint = 'alerts:read' | 'alerts:written' | 'alerts:committed';

export interface RoundDependencies {
  readonly worker: Database;
  readonly reader: ProjectionReader;
  /** Names this process. */
  readonly holder: string;
  readonly newId: () => string;
  readonly logger: Logger;
  readonly reachFailpoint: (failpoint: AlertFailpoint) => Promise<void> | void;
}

/** Tenants that are read, then written in one transaction. */
const pageSize = 20;
const minuteMs = 60_000;
const dayMs = 86_400_000;
const longestMs = Math.max(...burnWindowSeconds) * 1_000;

/** How a tenant's bots fare. */
export interface JudgedTenant {
  readonly tenantId: string;
  readonly bots: readonly BotObjectives[];
}

/**
 * Judges everybody of a partition at its last whole minute, unless that has been done or somebody else does it. What was
 * begun and not ended is gone on with, from the tenant that is next.
 */
export async function judgePartition(
  { worker, reader, holder, newId, logger, reachFailpoint }: RoundDependencies,
  { partition, generation, completeTo }: DuePartition,
  signal: AbortSignal,
): Promise<void> {
  const clock = await takeAlertClock(worker, partition, holder);
  if (clock === undefined) return;
  const { judgedAt } = clock;
  const at = new Date(Math.floor(completeTo.getTime() / minuteMs) * minuteMs);
  // A generation that takes over may be a little behind; time does not go back for alerts.
  if (judgedAt !== null && (at < judgedAt || (at <= judgedAt && clock.judgedThrough === null))) return;
  const since = new Date(Math.floor((at.getTime() - longestMs) / dayMs) * dayMs);

  let after = clock.judgedThrough;
  do {
    const from = { partition, generation, after };
    const tenants = await worker.transaction((tx) => listKnownTenants(tx, from, { since, limit: pageSize }), {
      readOnly: true,
      byIndex: true,
    });
    const judged: JudgedTenant[] = [];
    for (const { tenantId, isJudged } of tenants) {
      if (!isJudged) continue;
      try {
        const bots = await reader.read({ tenantId, partition, isLive: true, signal }, (snapshot) =>
          readObjectives(snapshot.tx, {
            partition,
            tenantId,
            generation: snapshot.generation,
            botId: '',
            at,
          }),
        );
        judged.push({ tenantId, bots });
      } catch (error) {
        if (signal.aborted) throw error;
        // Others must not go without for it.
        logger.warn({ error, tenantId, at }, 'a tenant could not be judged; it is with the next minute');
      }
    }
    await reachFailpoint('alerts:read');
    after = tenants.length < pageSize ? null : (tenants.at(-1)?.tenantId ?? null);
    const isOurs = await worker.transaction(
      async (tx) => {
        const number = await moveAlertClock(
          tx,
          { partition, holder },
          { judgedAt: at, judgedThrough: after },
        );
        if (number === undefined) return false;
        const count = await changeAlerts(tx, { partition, judged, at, newId, firstNumber: number });
        if (count > 0) await countAlertChanges(tx, partition, count);
        await reachFailpoint('alerts:written');
        return true;
      },
      { byIndex: true },
    );
    if (!isOurs) return;
    await reachFailpoint('alerts:committed');
  } while (after !== null && !signal.aborted);
}

/** Brings tenants' alerts to what was judged. Returns how many began or ended. */
export async function changeAlerts(
  tx: Transaction,
  {
    partition,
    judged,
    at,
    newId,
    firstNumber,
  }: {
    readonly partition: number;
    readonly judged: readonly JudgedTenant[];
    readonly at: Date;
    readonly newId: () => string;
    readonly firstNumber: bigint;
  },
): Promise<number> {
  let count = 0;
  for (const { tenantId, bots } of judged) {
    const place = { partition, tenantId };
    const changes = judgeAlerts(await findOpenAlerts(tx, place), bots, { at, newId });
    await writeAlertChanges(tx, place, changes, { at, firstNumber: firstNumber + BigInt(count) });
    count += changes.begun.length + changes.ended.length;
  }
  return count;
}
