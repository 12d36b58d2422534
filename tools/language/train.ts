import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { encodeSentimentModel, trainSentiment } from '@parley/language';
import { hasDataSets } from './data-sets.ts';
import { readLexicon, readTrainingExamples } from './sentiment-data.ts';

const modelFile = fileURLToPath(new URL('../../libs/domain/language/models/sentiment.bin', import.meta.url));

if (hasDataSets()) {
  const bytes = encodeSentimentModel(trainSentiment(readLexicon(), readTrainingExamples()));
  writeFileSync(modelFile, bytes);
  process.stdout.write(`Wrote libs/domain/language/models/sentiment.bin, ${bytes.length} bytes.\n`);
} else {
  process.stderr.write('The data sets are not here: ../shared/oracle/nlp.\n');
  process.exitCode = 1;
}
