import { defineMigration } from '@parley/database';
import {
  projectionMigration,
  projectionSealMigration,
  projectionVerificationMigration,
} from '../src/index.ts';
import type { Projection } from '../src/index.ts';

// A toy projection: how often each word was said, and which was the last. Words that begin with "poison" can't be taken.

export const service = 'toy';
export const projectionName = 'toy.words';

export const migrations = [
  defineMigration('0001-create-projections', projectionMigration(service)),
  defineMigration('0002-create-words', [
    `create table words (
         partition integer not null,
         generation integer not null,
         word text not null,
         said_count bigint not null,
         primary key (partition, generation, word)
       )`,
    `create table last_words (
         partition integer not null,
         generation integer not null,
         word text not null,
         log_offset bigint not null,
         primary key (partition, generation)
       )`,
  ]),
  defineMigration('0003-seal-projections', projectionSealMigration(service)),
  defineMigration('0004-keep-verifications', projectionVerificationMigration(service)),
];

/** @param antidote takes poison while it says so. */
export function wordsProjection({
  version = 1,
  antidote = () => false,
}: { version?: number; antidote?: () => boolean } = {}): Projection {
  return {
    name: projectionName,
    version,
    tables: [{ name: 'words' }, { name: 'last_words' }],
    async fold({ tx, partition, generation }, events) {
      const words = events.map(({ body }) => Buffer.from(body ?? []).toString());
      const poison = words.find((word) => word.startsWith('poison'));
      if (poison !== undefined && !antidote()) throw new Error(`can't take ${poison}\0`);
      await tx.query(
        `insert into words (partition, generation, word, said_count)
         select $1, $2, word, count(*) from unnest($3::text[]) as word group by word order by word
         on conflict (partition, generation, word)
         do update set said_count = words.said_count + excluded.said_count`,
        [partition, generation, words],
      );
      await tx.query(
        `insert into last_words (partition, generation, word, log_offset) values ($1, $2, $3, $4)
         on conflict (partition, generation) do update set word = excluded.word, log_offset = excluded.log_offset
          where excluded.log_offset > last_words.log_offset`,
        [partition, generation, words.at(-1), events.at(-1)?.offset],
      );
    },
  };
}

/** So many words, each of ten, in an order that is always the same. */
export function someWords(count: number): { text: string }[] {
  return Array.from({ length: count }, (_, i) => ({ text: `word ${(i * 7919) % 10}` }));
}
