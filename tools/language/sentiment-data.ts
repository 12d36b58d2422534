import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createValenceLexicon, sentiments } from '@parley/language';
import type { SentimentExample, SentimentName, ValenceLexicon } from '@parley/language';
import { readDataSet } from './data-sets.ts';
import type { LabelledText } from './data-sets.ts';

/** How much a line about one's own product counts beside a comment: what bots hear is more like it. */
const weightOfReviews = 6;

/** What the model is trained on, with how much each line counts. */
export const trainedOn: Readonly<Record<string, number>> = {
  'sentiment_goemotions_train.jsonl': 1,
  'sentiment_vader_tweets_dev.jsonl': weightOfReviews,
  'sentiment_vader_amazon_dev.jsonl': weightOfReviews,
};

/** VADER's lexicon, as its npm package has it: a word or emoticon, a tab, its mean valence. */
export function readLexicon(): ValenceLexicon {
  const main = createRequire(import.meta.url).resolve('vader-sentiment');
  const text = readFileSync(join(dirname(main), '..', 'vader_lexicon.txt'), 'utf8');
  return createValenceLexicon(
    text.split('\n').flatMap((line): (readonly [string, number])[] => {
      const [token, valence] = line.split('\t');
      return token === undefined || token === '' || valence === undefined ? [] : [[token, Number(valence)]];
    }),
  );
}

/** Lines of one source as examples; each class counts as much as the others. */
export function toExamples(lines: readonly LabelledText[], weight: number): readonly SentimentExample[] {
  const counts = new Map<string, number>();
  for (const { label } of lines) counts.set(label, (counts.get(label) ?? 0) + 1);
  return lines.map(({ text, label }) => ({
    text,
    sentiment: sentimentNamed(label),
    weight: (weight * lines.length) / (sentiments.length * (counts.get(label) ?? 1)),
  }));
}

export function readTrainingExamples(): readonly SentimentExample[] {
  return Object.entries(trainedOn).flatMap(([file, weight]) => toExamples(readDataSet(file), weight));
}

function sentimentNamed(label: string): SentimentName {
  const name = sentiments.find((known) => known === label);
  if (name === undefined) throw new Error(`There is no sentiment "${label}".`);
  return name;
}
