import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeIntentModel, decodeSentimentModel } from '@parley/language';

function shipped(file: string): Uint8Array {
  return readFileSync(fileURLToPath(import.meta.resolve(`@parley/language/models/${file}`)));
}

/** The intents that every tenant has, as the library ships them. */
export const commonIntents = decodeIntentModel(shipped('intents.bin'));
/** As readings name it. */
export const commonIntentsName = 'intents/0';
/**
 * A text whose out-of-scope score is above it is taken for `fallback`, unless the tenant says otherwise. Lower than that of
 * a tenant's own intents: what is said to a bot about its own business is mostly outside of these.
 */
export const commonThreshold = 0.3;

/** The feeling of texts, as the library ships it. */
export const sentimentModel = decodeSentimentModel(shipped('sentiment.bin'));
/** As readings name it. */
export const sentimentModelName = 'sentiment/1';
