import { once } from 'node:events';
import { createServer } from 'node:http2';
import process from 'node:process';
import { create } from '@bufbuild/protobuf';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  IngestionService,
  RecordInteractionResponseSchema,
} from '@parley/contracts/parley/ingestion/v1/ingestion_service';

// The limit named `echo`: the same messages through the same server library, and nothing else.
const answer = create(RecordInteractionResponseSchema, { position: 'a'.repeat(64) });
const handler = connectNodeAdapter({
  routes: (router) =>
    router.rpc(IngestionService.method.recordInteraction, ({ eventId }) => ({ ...answer, eventId })),
});
// It says that it is ready by listening.
const server = createServer(handler).listen(Number(process.env['PARLEY_PORT']), '127.0.0.1');
await once(server, 'listening');
process.once('SIGTERM', () => process.exit(0));
