import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { invalidArgument } from '@parley/errors';

/** A place in the event log. */
export interface Position {
  /** 0…2³²−1. */
  readonly partition: number;
  /** 0…2⁶⁴−1; 0 is before the first event. */
  readonly offset: bigint;
}

/** Makes positions opaque: who holds one can't read from it how much others wrote to the partition. */
export interface PositionSealer {
  /** 22 characters of base64url; the same position gives the same text. */
  seal(position: Position): string;
  /** @throws DomainError `invalid-argument` on anything that this sealer's key did not seal; `field` is what it names. */
  open(text: string, field?: string): Position;
}

const magic = 0x504c4b31;
const form = /^[A-Za-z0-9_-]{22}$/;

/**
 * One AES-256 block holds a magic number, the partition and the offset, so ECB is what is meant: there is no second
 * block to compare with. Text that was not sealed opens with the right magic once in 2³² tries.
 * @param serviceSecret all services share it, so each opens what another sealed.
 */
export function createPositionSealer(serviceSecret: string): PositionSealer {
  const key = Buffer.from(hkdfSync('sha256', serviceSecret, '', 'parley position', 32));
  return {
    seal({ partition, offset }) {
      const block = Buffer.alloc(16);
      block.writeUInt32BE(magic, 0);
      block.writeUInt32BE(partition, 4);
      block.writeBigUInt64BE(offset, 8);
      return createCipheriv('aes-256-ecb', key, null)
        .setAutoPadding(false)
        .update(block)
        .toString('base64url');
    },
    open(text, field = 'position') {
      const sealed = form.test(text) ? Buffer.from(text, 'base64url') : undefined;
      // Bits left over in the last character must be zero, or several texts would open to one position.
      if (sealed === undefined || sealed.toString('base64url') !== text) {
        throw notAPosition(field);
      }
      const block = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(sealed);
      if (block.readUInt32BE(0) !== magic) {
        throw notAPosition(field);
      }
      return { partition: block.readUInt32BE(4), offset: block.readBigUInt64BE(8) };
    },
  };
}

function notAPosition(field: string) {
  return invalidArgument([
    { field, description: 'must be a position that Parley gave', reason: 'INVALID_POSITION' },
  ]);
}
