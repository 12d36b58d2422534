import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import type { IntentReading, SentimentReading } from '@parley/language';

const sentiments = {
  positive: Sentiment.POSITIVE,
  neutral: Sentiment.NEUTRAL,
  negative: Sentiment.NEGATIVE,
} as const;

/** What was read from a text. */
export interface Understood {
  readonly intent?: IntentReading;
  readonly sentiment?: SentimentReading;
  readonly modelVersion: string;
}

/**
 * The bytes of an Understanding, written field by field: by reflection that would take a third of the time that reading
 * a text does.
 */
export function encodeUnderstanding({ intent, sentiment, modelVersion }: Understood): Uint8Array {
  const writer = new BinaryWriter();
  if (intent !== undefined) {
    writer.tag(1, WireType.LengthDelimited).string(intent.intent);
    if (intent.intentConfidence !== 0) writer.tag(2, WireType.Bit64).double(intent.intentConfidence);
    writer.tag(3, WireType.LengthDelimited).string(intent.bestIntent);
    if (intent.outOfScope !== 0) writer.tag(4, WireType.Bit64).double(intent.outOfScope);
  }
  if (sentiment !== undefined) {
    writer.tag(5, WireType.Varint).int32(sentiments[sentiment.sentiment]);
    if (sentiment.score !== 0) writer.tag(6, WireType.Bit64).double(sentiment.score);
    writer.tag(7, WireType.Bit64).double(sentiment.confidence);
  }
  return writer.tag(8, WireType.LengthDelimited).string(modelVersion).finish();
}
