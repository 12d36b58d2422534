import { DomainError } from '@parley/errors';

/** How many rows a question about single rows may be over. */
export const maxRows = 2_000_000;

/**
 * Where a statement reads rows one by one: it stops after one more than is allowed.
 * @throws DomainError `resource-exhausted` TOO_MANY_ROWS where it did.
 */
export function requireFewRows(rows: number, what: string): void {
  if (rows <= maxRows) return;
  throw new DomainError(
    `The question is over more than ${maxRows} ${what}; ask for a shorter window, or for one bot or group.`,
    {
      kind: 'resource-exhausted',
      reason: 'TOO_MANY_ROWS',
      facts: { rows: String(rows), limit: String(maxRows) },
    },
  );
}
