import type { Database } from '@parley/database';
import { isUuid } from '@parley/event';
import { DomainError } from '@parley/errors';
import type { ErasureCoordinator } from '@parley/service';
import { listUnconfirmed, writeConfirmation } from '../storage/erasure/confirmations.sql.ts';

const listedAtOnce = 100;

/** Takes the confirmations of the other services. @param wake tells who carries erasures out that there is one. */
export function createErasureCoordinator(worker: Database, wake: () => void): ErasureCoordinator {
  return {
    listPending: (service) => listUnconfirmed(worker, service, listedAtOnce),
    async confirm({ receiptId, service, erased, isLogEmptied }) {
      const isKnown =
        isUuid(receiptId) &&
        (await writeConfirmation(worker, { receiptId, service, places: erased, isFinal: isLogEmptied }));
      if (!isKnown) {
        throw new DomainError(`There is no receipt ${JSON.stringify(receiptId)}.`, {
          kind: 'not-found',
          reason: 'ERASURE_NOT_FOUND',
          facts: { receipt_id: receiptId },
        });
      }
      wake();
    },
  };
}
