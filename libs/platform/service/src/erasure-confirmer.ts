import { sleep } from '@parley/runtime';
import type { Logger } from '@parley/runtime';

/** An erasure that a service has still to confirm. */
export interface PendingErasure {
  readonly receiptId: string;
  readonly tenantId: string;
  readonly partition: number;
  /** Where the erasure's last event is in the log. */
  readonly logOffset: bigint;
  /** The member, under every id that it has in the log. */
  readonly memberIds: readonly string[];
  /** Whether the log holds nothing of the member any more but for the erasure itself. */
  readonly isLogEmptied: boolean;
}

/** What an erasure touched in one table. */
export interface ErasedPlace {
  readonly place: string;
  readonly rowCountBefore: bigint;
  readonly rowCountAfter: bigint;
}

export interface ErasureConfirmation {
  readonly receiptId: string;
  readonly service: string;
  readonly erased: readonly ErasedPlace[];
  /** Whether it was told that the log is emptied before it looked. */
  readonly isLogEmptied: boolean;
}

/** Ingestion, as the one who carries out erasures: in the same process, or by ErasureService elsewhere. */
export interface ErasureCoordinator {
  listPending(service: string, signal: AbortSignal): Promise<readonly PendingErasure[]>;
  /** May be repeated. */
  confirm(confirmation: ErasureConfirmation, signal: AbortSignal): Promise<void>;
}

export interface ErasureConfirmerOptions {
  readonly coordinator: ErasureCoordinator;
  readonly service: string;
  /** Whether all that the service computes from the log is past an offset; see `ProjectionRuntime.isPast`. */
  readonly isPast: (partition: number, offset: bigint) => Promise<boolean>;
  /**
   * What the erasure touched here. Once the log is emptied, it also removes what stands outside of generations and may
   * have been written anew meanwhile. May be called again.
   */
  readonly finish: (erasure: PendingErasure) => Promise<readonly ErasedPlace[]>;
  readonly logger: Logger;
  /** How often to ask; every second unless told. */
  readonly everyMs?: number;
}

/**
 * Confirms the erasures that a service has carried out: once when everything is past them, and once more when the log is
 * emptied. Asks for them rather than remember them, so there is nothing to lose: whatever is killed, it asks again.
 */
export function startErasureConfirmer({
  coordinator,
  service,
  isPast,
  finish,
  logger,
  everyMs = 1_000,
}: ErasureConfirmerOptions): { close(): Promise<void> } {
  const closing = new AbortController();
  const { signal } = closing;
  /** What was confirmed before the log was emptied, and waits for that. */
  const confirmed = new Set<string>();

  async function confirmAll(): Promise<void> {
    const pending = await coordinator.listPending(service, signal);
    const names = new Set(pending.map(({ receiptId }) => receiptId));
    for (const receiptId of confirmed) if (!names.has(receiptId)) confirmed.delete(receiptId);
    for (const erasure of pending) {
      const { receiptId, partition, logOffset, isLogEmptied } = erasure;
      if (!isLogEmptied && confirmed.has(receiptId)) continue;
      if (!(await isPast(partition, logOffset))) continue;
      const erased = await finish(erasure);
      await coordinator.confirm({ receiptId, service, erased, isLogEmptied }, signal);
      confirmed.add(receiptId);
    }
  }

  const confirming = (async () => {
    let hasFailed = false;
    while (!signal.aborted) {
      try {
        await confirmAll();
        hasFailed = false;
      } catch (error) {
        if (!signal.aborted && !hasFailed) logger.warn({ error }, 'erasures can not be confirmed now');
        hasFailed = true;
      }
      await sleep(everyMs, signal).catch(() => undefined);
    }
  })();
  return {
    async close() {
      closing.abort(new Error('The service closes.'));
      await confirming;
    },
  };
}
