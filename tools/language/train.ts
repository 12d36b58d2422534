import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { encodeIntentModel, encodeSentimentModel, trainIntents, trainSentiment } from '@parley/language';
import { readCommonExamples } from './common-intents.ts';
import { hasDataSets } from './data-sets.ts';
import { readLexicon, readTrainingExamples } from './sentiment-data.ts';

const folder = fileURLToPath(new URL('../../libs/domain/language/models/', import.meta.url));

function write(file: string, bytes: Uint8Array): void {
  writeFileSync(`${folder}${file}`, bytes);
  process.stdout.write(`Wrote libs/domain/language/models/${file}, ${bytes.length} bytes.\n`);
}

if (hasDataSets()) {
  write('intents.bin', encodeIntentModel(trainIntents(readCommonExamples()).model));
  write('sentiment.bin', encodeSentimentModel(trainSentiment(readLexicon(), readTrainingExamples())));
} else {
  process.stderr.write('The data sets are not here: ../shared/oracle/nlp.\n');
  process.exitCode = 1;
}
