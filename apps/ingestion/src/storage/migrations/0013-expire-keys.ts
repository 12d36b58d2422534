import { defineMigration } from '@parley/database';

/** A key may end by itself: one that was created so, or one that another has replaced. */
export const expireKeys = defineMigration('0013-expire-keys', [
  'alter table api_keys add column expires_at timestamptz',
]);
