import type { Understanding } from '@parley/contracts/parley/ingestion/v1/event';
import { parseSentiment, sentimentName } from './enum-names.ts';

/** What was read of an interaction, as it is kept: only what was read, by the contract's names. */
export interface Reading {
  readonly intent?: string;
  readonly intent_confidence?: number;
  readonly best_intent?: string;
  readonly out_of_scope?: number;
  readonly sentiment?: string;
  readonly sentiment_score?: number;
  readonly sentiment_confidence?: number;
  readonly model_version?: string;
}

/** Intent and sentiment each as a whole or not at all; undefined when neither was read. */
export function toReading(understanding: Understanding | undefined): Reading | undefined {
  if (understanding === undefined) return undefined;
  const { intent, intentConfidence, bestIntent, outOfScope } = understanding;
  const sentiment = sentimentName(understanding.sentiment);
  if (intent === '' && sentiment === undefined) return undefined;
  return {
    ...(intent !== '' && {
      intent,
      intent_confidence: intentConfidence,
      best_intent: bestIntent,
      out_of_scope: outOfScope,
    }),
    ...(sentiment !== undefined && {
      sentiment,
      sentiment_score: understanding.sentimentScore,
      sentiment_confidence: understanding.sentimentConfidence,
    }),
    model_version: understanding.modelVersion,
  };
}

/** The contract's message of a reading. */
export function fromReading(reading: Reading): Omit<Understanding, '$typeName'> {
  return {
    intent: reading.intent ?? '',
    intentConfidence: reading.intent_confidence ?? 0,
    bestIntent: reading.best_intent ?? '',
    outOfScope: reading.out_of_scope ?? 0,
    sentiment: parseSentiment(reading.sentiment ?? null),
    sentimentScore: reading.sentiment_score ?? 0,
    sentimentConfidence: reading.sentiment_confidence ?? 0,
    modelVersion: reading.model_version ?? '',
  };
}
