import { create, toBinary } from '@bufbuild/protobuf';
import {
  IngestionService,
  RecordEventsRequestSchema,
  RecordInteractionRequestSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { expect, onTestFinished, test } from 'vitest';
import { envelope, grpcStatusOf, openHttp2, rawCall } from './harness.ts';
import { startServerProcess } from './server-process-under-test.ts';

const headers = {
  authorization: 'Bearer key-ingest',
  'content-type': 'application/grpc',
  'grpc-timeout': '60S',
};

test('batches that a busy server is slow to read are not ended for it', async () => {
  const { url } = await startServerProcess({ messageMs: 1500 });
  const busy = envelope(
    toBinary(
      RecordInteractionRequestSchema,
      create(RecordInteractionRequestSchema, {
        eventId: 'e',
        interaction: { botId: 'busy', memberId: 'm', messageText: 'x' },
      }),
    ),
  );
  const others = openHttp2(url);
  let isOver = false;
  onTestFinished(() => void (isOver = true));
  const keepBusy = async (): Promise<void> => {
    while (!isOver && !others.destroyed)
      await rawCall(others, `/${IngestionService.typeName}/RecordInteraction`, headers, busy);
  };
  void keepBusy();
  void keepBusy();

  const events = Array.from({ length: 900 }, (_, i) => ({ eventId: `${i}`.padEnd(180, '-') }));
  const batch = envelope(toBinary(RecordEventsRequestSchema, create(RecordEventsRequestSchema, { events })));
  const session = openHttp2(url);
  const from = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      rawCall(session, `/${IngestionService.typeName}/RecordEvents`, headers, batch),
    ),
  );
  // Else this shows nothing.
  expect(performance.now() - from).toBeGreaterThan(3000);
  expect(answers.map(grpcStatusOf)).toEqual(answers.map(() => 0));
}, 60_000);
