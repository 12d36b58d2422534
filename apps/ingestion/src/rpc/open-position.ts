import type { PositionSealer, Tenant } from '@parley/access';
import { invalidArgument } from '@parley/errors';

/**
 * The offset that a read waits for; undefined for none.
 * @throws DomainError `invalid-argument` for what is no position, or one of another tenant's partition.
 */
export function openPosition(
  positions: PositionSealer,
  { partition }: Tenant,
  sealed: string,
): bigint | undefined {
  if (sealed === '') return undefined;
  const position = positions.open(sealed, 'min_position');
  if (position.partition !== partition) {
    throw invalidArgument([
      {
        field: 'min_position',
        description: 'must be a position of this tenant',
        reason: 'INVALID_POSITION',
      },
    ]);
  }
  return position.offset;
}
