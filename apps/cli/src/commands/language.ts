import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Sentiment, type Understanding } from '@parley/contracts/parley/ingestion/v1/event';
import { LanguageService, type IntentModel } from '@parley/contracts/parley/ingestion/v1/language_service';
import { openFile, readLines } from '@parley/import';
import { exitCode, type ExitCode } from '../exit-code.ts';
import { printJson, printTable } from '../print.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

export interface LanguageOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

export interface TrainOptions extends LanguageOptions {
  readonly activate?: boolean;
}

/** As long as a stream may last; 50,000 examples of 500 intents take minutes. */
const trainTimeoutMs = 3_600_000;
/** Small enough for a message of 1 MiB, whatever the texts are written in. */
const textsAtOnce = 250;
const charactersAtOnce = 200_000;
/** No more of a text is read. */
const maxTextLength = 8_192;

/** `parley intents train FILE`: lines of `{"text","label"}`; label `oos` marks what is outside every intent. */
export async function trainCommand(
  session: Session,
  file: string,
  { tenant, activate = false, json }: TrainOptions,
): Promise<ExitCode> {
  const examples: { text: string; label: string }[] = [];
  for await (const { value, number } of readValues(session, file)) {
    examples.push({ text: textOf(value, 'text', number), label: textOf(value, 'label', number) });
  }
  const isShown = session.stderr.isTTY === true;
  let model: IntentModel | undefined;
  for await (const step of session
    .client(LanguageService, 'ingestion', tenant)
    .trainIntents({ examples, activate }, { signal: session.signal, timeoutMs: trainTimeoutMs })) {
    if (isShown) session.stderr.write(`\r${Math.floor(step.progress * 100)} %`);
    model = step.model ?? model;
  }
  if (isShown) session.stderr.write('\n');
  if (model === undefined) throw new Error('The training ended without a model.');
  const trained = modelJson(model);
  if (json) printJson(session.stdout, trained);
  else {
    const accuracy = ((model.crossValidation?.accuracy ?? 0) * 100).toFixed(1);
    session.stdout.write(
      `Version ${model.version} is trained from ${model.exampleCount} examples of ${model.intents.length} intents` +
        ` and ${model.active ? 'active' : 'not active'}. Of examples that it had not seen, ${accuracy} % were right.\n`,
    );
  }
  return exitCode.done;
}

/** `parley intents list`. */
export async function listModelsCommand(
  session: Session,
  { tenant, json }: LanguageOptions,
): Promise<ExitCode> {
  const client = session.client(LanguageService, 'ingestion', tenant);
  const models: IntentModel[] = [];
  for (let pageToken = ''; ;) {
    const page = await client.listIntentModels({ pageToken }, { signal: session.signal });
    models.push(...page.models);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  if (json) printJson(session.stdout, { models: models.map(modelJson) });
  else {
    printTable(
      session.stdout,
      ['version', 'active', 'trained', 'examples', 'intents', 'accuracy'],
      models.map((model) => [
        String(model.version),
        model.active ? 'yes' : '',
        modelJson(model).trained_at ?? '',
        String(model.exampleCount),
        String(model.intents.length),
        model.crossValidation?.accuracy.toFixed(4) ?? '',
      ]),
    );
  }
  return exitCode.done;
}

/** `parley intents activate VERSION`; 0 goes back to the intents that every tenant has. */
export async function activateCommand(
  session: Session,
  versionText: string,
  { tenant, json }: LanguageOptions,
): Promise<ExitCode> {
  if (!/^\d{1,9}$/.test(versionText)) throw new UsageError(`A version is a number; this is ${versionText}.`);
  const { model } = await session
    .client(LanguageService, 'ingestion', tenant)
    .activateIntentModel({ version: Number(versionText) }, { signal: session.signal });
  if (json) printJson(session.stdout, model === undefined ? {} : modelJson(model));
  else session.stdout.write(`Version ${versionText} is active.\n`);
  return exitCode.done;
}

/** `parley understand FILE`: for each line of `{"text"}` one line with what was read, in order. */
export async function understandCommand(
  session: Session,
  file: string,
  { tenant, json }: LanguageOptions,
): Promise<ExitCode> {
  const client = session.client(LanguageService, 'ingestion', tenant);
  const isShown = session.stderr.isTTY === true;
  let texts: string[] = [];
  let characters = 0;
  let done = 0;
  const flush = async (): Promise<void> => {
    if (texts.length === 0) return;
    const { understandings } = await client.understand({ texts }, { signal: session.signal });
    for (const understanding of understandings) {
      const read = understandingJson(understanding);
      if (json) printJson(session.stdout, read);
      else session.stdout.write(`${read.intent}\t${read.sentiment}\n`);
    }
    done += texts.length;
    if (isShown) session.stderr.write(`\r${done} texts`);
    texts = [];
    characters = 0;
  };
  for await (const { value, number } of readValues(session, file)) {
    const text = textOf(value, 'text', number).slice(0, maxTextLength).toWellFormed();
    if (texts.length >= textsAtOnce || characters + text.length > charactersAtOnce) await flush();
    texts.push(text);
    characters += text.length;
  }
  await flush();
  if (isShown) session.stderr.write('\n');
  return exitCode.done;
}

/** The objects of a file of JSON lines. */
async function* readValues({ stdin }: Session, file: string) {
  for await (const line of readLines(openFile(file, stdin))) {
    const { number } = line;
    if ('fault' in line) throw new UsageError(`Line ${number}: ${line.fault.message}`);
    yield { number, value: parse(line.text, number) };
  }
}

function parse(text: string, number: number): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below, with the line's number.
  }
  throw new UsageError(`Line ${number} is no JSON object.`);
}

function textOf(value: object, field: string, number: number): string {
  const text: unknown = Reflect.get(value, field);
  if (typeof text === 'string') return text;
  throw new UsageError(`Line ${number} has no text ${JSON.stringify(field)}.`);
}

const sentimentNames: Readonly<Record<Sentiment, string | null>> = {
  [Sentiment.UNSPECIFIED]: null,
  [Sentiment.POSITIVE]: 'positive',
  [Sentiment.NEUTRAL]: 'neutral',
  [Sentiment.NEGATIVE]: 'negative',
};

function understandingJson(understanding: Understanding) {
  return {
    intent: understanding.intent,
    intent_confidence: understanding.intentConfidence,
    out_of_scope: understanding.outOfScope,
    best_intent: understanding.bestIntent,
    sentiment: sentimentNames[understanding.sentiment],
    sentiment_score: understanding.sentimentScore,
    sentiment_confidence: understanding.sentimentConfidence,
    model_version: understanding.modelVersion,
  };
}

function modelJson(model: IntentModel) {
  const quality = model.crossValidation;
  return {
    version: model.version,
    active: model.active,
    trained_at: model.trainedAt ? timestampDate(model.trainedAt).toISOString() : null,
    examples: model.exampleCount,
    intents: model.intents,
    bytes: model.byteCount,
    content_hash: model.contentHash,
    cross_validation: quality && {
      folds: quality.foldCount,
      accuracy: quality.accuracy,
      macro_f1: quality.macroF1,
      out_of_scope_auroc: quality.outOfScopeAuroc ?? null,
      calibration_error: quality.calibrationError,
      intents: quality.intents.map(({ intent, exampleCount, precision, recall, confusedWith }) => ({
        intent,
        examples: exampleCount,
        precision,
        recall,
        confused_with: confusedWith === '' ? null : confusedWith,
      })),
    },
  };
}
