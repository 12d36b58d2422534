import process from 'node:process';
import { parseArgs } from 'node:util';
import { readFileSync } from 'node:fs';
import {
  decodeIntentModel,
  decodeSentimentModel,
  fallbackIntent,
  encodeIntentModel,
  outOfScopeLabel,
  partsOf,
  readIntent,
  readSentiment,
  sentiments,
  trainIntents,
  trainSentiment,
} from '@parley/language';
import type { IntentExample, IntentReading, TrainedIntents } from '@parley/language';
import { readCommonEvaluation, readMappedEvaluation } from './common-intents.ts';
import { hasDataSets, readDataSet, readLineNumbers } from './data-sets.ts';
import type { LabelledText } from './data-sets.ts';
import { areaUnderRoc, calibrationError, f1Of, precisionAndRecall, seededOrder } from './figures.ts';
import { readLexicon, toExamples, trainedOn } from './sentiment-data.ts';

/** A figure, beside the bar that was set for it. */
interface Figure {
  readonly name: string;
  readonly value: number;
  readonly goal: number | undefined;
  readonly better: 'more' | 'less';
}

/** Of the common intents, as the reading thread has it. */
const commonThreshold = 0.3;

const figures: Figure[] = [];
const more = (name: string, value: number, goal?: number) =>
  figures.push({ name, value, goal, better: 'more' });
const less = (name: string, value: number, goal?: number) =>
  figures.push({ name, value, goal, better: 'less' });
const say = (text: string) => void process.stderr.write(`${text}\n`);

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
if (hasDataSets()) {
  benchCommon();
  benchClinc();
  benchBanking();
  for (const bot of ['curekart', 'powerplay11', 'sofmattress']) benchBot(bot);
  benchSentiment();
  print();
} else {
  say('The data sets are not here: ../shared/oracle/nlp.');
}

/** Of CPU: others may want the machine too. */
function secondsOf(work: () => void): number {
  const from = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1e6;
}

function train(lines: readonly LabelledText[]) {
  let trained: TrainedIntents | undefined;
  const seconds = secondsOf(() => (trained = trainIntents(lines)));
  if (trained === undefined) throw new Error('Nothing was trained.');
  return { ...trained, seconds };
}

function isInside({ label }: LabelledText): boolean {
  return label !== outOfScopeLabel;
}

function accuracyOf(lines: readonly LabelledText[], read: (text: string) => IntentReading): number {
  return lines.filter(({ text, label }) => read(text).bestIntent === label).length / lines.length;
}

function benchClinc(): void {
  say('CLINC150: training');
  const { model, seconds } = train(readDataSet('clinc_train.jsonl'));
  const lines = readDataSet('clinc_val.jsonl');
  const readings = lines.map(({ text }) => readIntent(model, text));
  const inside = lines.flatMap((line, index) => (isInside(line) ? [{ line, reading: readings[index] }] : []));
  const scores = (some: boolean) =>
    lines.flatMap((line, index) => (isInside(line) === some ? [readings[index]?.outOfScope ?? 0] : []));
  const rights = inside.map(({ line, reading }) => reading?.bestIntent === line.label);
  more('clinc.accuracy', rights.filter(Boolean).length / rights.length, 0.935);
  more('clinc.out_of_scope_auroc', areaUnderRoc(scores(true), scores(false)), 0.965);
  // The most that is found of what is outside while nine in ten inside are read right and not taken for outside.
  const recalls = [...new Set(scores(false))].map((threshold) => {
    const kept = inside.filter(
      ({ line, reading }) => reading?.bestIntent === line.label && (reading?.outOfScope ?? 1) < threshold,
    ).length;
    const found = scores(false).filter((score) => score >= threshold).length;
    return kept / inside.length >= 0.9 ? found / scores(false).length : 0;
  });
  more('clinc.out_of_scope_recall_at_90', Math.max(...recalls), 0.85);
  less(
    'clinc.calibration_error',
    calibrationError(
      inside.map(({ reading }) => reading?.intentConfidence ?? 0),
      rights,
    ),
    0.03,
  );
  less('clinc.model_bytes', encodeIntentModel(model).length, 2_000_000);
  less('clinc.train_and_validate_cpu_seconds', seconds);
}

function benchBanking(): void {
  const all = readDataSet('banking77_train.jsonl');
  const order = seededOrder(all.length);
  const pick = (indexes: readonly number[]) => indexes.flatMap((index) => all[index] ?? []);
  say('banking77: training on nine tenths');
  const { model, seconds } = train(pick(order.slice(1_000)));
  const held = pick(order.slice(0, 1_000));
  more(
    'banking77.accuracy',
    accuracyOf(held, (text) => readIntent(model, text)),
    0.923,
  );
  less('banking77.train_and_validate_cpu_seconds', seconds);
  const sentiment = shippedSentiment();
  const texts = held.map(({ text }) => text);
  const passes = Array.from({ length: 5 }, () =>
    secondsOf(() => {
      for (const text of texts) {
        const parts = partsOf(text);
        readIntent(model, parts);
        readSentiment(sentiment, parts);
      }
    }),
  );
  more('banking77.messages_per_cpu_second', texts.length / Math.min(...passes), 40_000);
  const shots = [0, 1, 2].map((draw) => {
    say(`banking77: ten examples an intent, draw ${draw + 1} of 3`);
    const lines = new Set(readLineNumbers(`banking77_10shot_s${draw}.lines.json`));
    const few = train(all.filter((_, index) => lines.has(index))).model;
    return accuracyOf(
      all.filter((_, index) => !lines.has(index)),
      (text) => readIntent(few, text),
    );
  });
  more('banking77.accuracy_ten_shot', shots.reduce((sum, one) => sum + one, 0) / shots.length, 0.77);
}

/** Real bots, by cross-validation, since there is no other part of them here. */
function benchBot(bot: string): void {
  say(`${bot}: training`);
  const { quality, seconds } = train(readDataSet(`hint3_${bot}_train.jsonl`));
  more(`${bot}.cross_validated_accuracy`, quality.accuracy);
  less(`${bot}.train_and_validate_cpu_seconds`, seconds);
}

/** The intents that every tenant has, on lines that were written to measure by, and on data sets that have some of them. */
function benchCommon(): void {
  const model = decodeIntentModel(
    readFileSync(new URL('../../libs/domain/language/models/intents.bin', import.meta.url)),
  );
  const measure = (name: string, lines: readonly IntentExample[]) => {
    say(`common intents: ${name}`);
    const readings = lines.map((line) => ({ ...line, ...readIntent(model, line.text, commonThreshold) }));
    const inside = readings.filter(({ label }) => label !== fallbackIntent);
    const outside = readings.filter(({ label }) => label === fallbackIntent);
    more(
      `common.${name}.accuracy`,
      readings.filter(({ label, intent }) => label === intent).length / readings.length,
    );
    less(
      `common.${name}.calibration_error`,
      calibrationError(
        inside.map(({ intentConfidence }) => intentConfidence),
        inside.map(({ label, bestIntent }) => label === bestIntent),
      ),
    );
    if (outside.length > 0) {
      more(
        `common.${name}.out_of_scope_auroc`,
        areaUnderRoc(
          inside.map(({ outOfScope }) => outOfScope),
          outside.map(({ outOfScope }) => outOfScope),
        ),
      );
    }
    for (const { label, precision, recall } of precisionAndRecall(readings)) {
      more(`common.${name}.${label}.precision`, precision);
      more(`common.${name}.${label}.recall`, recall);
    }
  };
  measure('test', readCommonEvaluation('test'));
  measure('dev', readCommonEvaluation('dev'));
  for (const [name, lines] of Object.entries(readMappedEvaluation())) measure(name, lines);
}

function shippedSentiment() {
  return decodeSentimentModel(
    readFileSync(new URL('../../libs/domain/language/models/sentiment.bin', import.meta.url)),
  );
}

/** What the shipped model was trained on is measured by two halves, each by a model of the other one. */
function benchSentiment(): void {
  const shipped = shippedSentiment();
  const lexicon = readLexicon();
  const half = (lines: readonly LabelledText[], which: number) =>
    lines.filter((_, index) => index % 2 === which);
  const halves = [0, 1].map((which) =>
    trainSentiment(
      lexicon,
      Object.entries(trainedOn).flatMap(([file, weight]) =>
        toExamples(half(readDataSet(file), which), weight),
      ),
    ),
  );
  const goals: Readonly<Record<string, number | undefined>> = { vader_tweets: 0.75 };
  const f1s = ['vader_tweets', 'vader_amazon', 'vader_nyt', 'vader_movie', 'goemotions'].map((name) => {
    say(`sentiment: ${name}`);
    const file = `sentiment_${name}_dev.jsonl`;
    const lines = readDataSet(file);
    const f1 =
      file in trainedOn
        ? [0, 1]
            .map((which) => {
              const model = halves[1 - which];
              return model === undefined
                ? 0
                : f1Of(sentiments, half(lines, which), (text) => readSentiment(model, text).sentiment);
            })
            .reduce((sum, one) => sum + one / 2, 0)
        : f1Of(sentiments, lines, (text) => readSentiment(shipped, text).sentiment);
    more(`sentiment.${name}.macro_f1`, f1, goals[name]);
    return f1;
  });
  more('sentiment.mean_macro_f1', f1s.reduce((sum, one) => sum + one, 0) / f1s.length, 0.63);
}

function print(): void {
  for (const { name, value, goal, better } of figures) {
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ name, value, goal: goal ?? null, better })}\n`);
      continue;
    }
    const shown = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(3);
    const isMet = goal !== undefined && (better === 'more' ? value >= goal : value <= goal);
    const bar = goal === undefined ? '' : `goal ${goal.toLocaleString('en')}${isMet ? '' : ', missed'}`;
    process.stdout.write(`${name.padEnd(42)} ${shown.padStart(10)}  ${bar}\n`);
  }
}
