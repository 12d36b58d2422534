import { DomainError } from '@parley/errors';

/**
 * How many exports run at a time, of one tenant half of them at most. Each holds a connection while it lasts; the other
 * reads need the rest of them.
 */
export interface ExportSlots {
  /**
   * Takes a slot and hands back how to give it up.
   * @throws DomainError `resource-exhausted` (TOO_MANY_EXPORTS) when none is left for this tenant.
   */
  take(tenantId: string): () => void;
}

const retryAfterMs = 5_000;

export function createExportSlots(most: number): ExportSlots {
  const taken: string[] = [];
  return {
    take(tenantId) {
      const own = taken.filter((holder) => holder === tenantId).length;
      if (taken.length >= most || own >= most / 2) {
        const description = `${most} exports run at a time, of one tenant ${most / 2}`;
        throw new DomainError(`${description}; try again when one has ended.`, {
          kind: 'resource-exhausted',
          reason: 'TOO_MANY_EXPORTS',
          quotas: [{ subject: `tenant:${tenantId}`, description }],
          retryAfterMs,
        });
      }
      taken.push(tenantId);
      return () => {
        taken.splice(taken.indexOf(tenantId), 1);
      };
    },
  };
}
