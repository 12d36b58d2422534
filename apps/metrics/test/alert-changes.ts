import { randomUUID } from 'node:crypto';
import type { Database } from '@parley/database';
import { countAlertChanges, moveAlertClock, takeAlertClock } from '../src/storage/alert-clock.ts';
import { writeAlertChanges } from '../src/storage/alert-store.ts';
import type { OpenAlert } from '../src/storage/alert-store.ts';
import { partition } from './metrics-database.ts';

const begunAt = new Date('2026-03-08T12:00:00Z');

/** Of a bot of its own unless told. */
export function newAlert(severity: OpenAlert['severity'] = 'page', botId = `bot ${randomUUID()}`): OpenAlert {
  const about = { botId, objective: 'success', severity, evidence: 'It fails.' } as const;
  return { alertId: randomUUID(), ...about, startedAt: begunAt, heldBy: [3_600], calmSince: null };
}

/** Lets alerts begin or end. */
export async function change(
  worker: Database,
  tenantId: string,
  { begun = [], ended = [] }: { begun?: readonly OpenAlert[]; ended?: readonly OpenAlert[] },
): Promise<void> {
  await takeAlertClock(worker, partition, 'test');
  const at = new Date(begunAt.getTime() + 600_000);
  await worker.transaction(async (tx) => {
    const clock = { judgedAt: at, judgedThrough: null };
    const firstNumber = await moveAlertClock(tx, { partition, holder: 'test' }, clock);
    if (firstNumber === undefined) throw new Error('The clock is somebody else’s.');
    await writeAlertChanges(tx, { partition, tenantId }, { begun, kept: [], ended }, { at, firstNumber });
    await countAlertChanges(tx, partition, begun.length + ended.length);
  });
}
