import { DomainError } from '@parley/errors';

/** How many exports run at a time. Each holds a connection while it lasts; the other reads need the rest of them. */
export interface ExportSlots {
  /**
   * Takes a slot and hands back how to give it up.
   * @throws DomainError `resource-exhausted` (TOO_MANY_EXPORTS) when none is left.
   */
  take(): () => void;
}

const retryAfterMs = 5_000;

export function createExportSlots(most: number): ExportSlots {
  let taken = 0;
  return {
    take() {
      if (taken >= most) {
        throw new DomainError(`${most} exports are running already; try again when one has ended.`, {
          kind: 'resource-exhausted',
          reason: 'TOO_MANY_EXPORTS',
          retryAfterMs,
        });
      }
      taken += 1;
      return () => {
        taken -= 1;
      };
    },
  };
}
