import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';
import { testCluster } from '@parley/testing';
import { expect, test } from 'vitest';
import { projectionAccess, projectionRoutes } from '../src/index.ts';
import { serve, transportTo } from './server.ts';
import { createSimulatedLog } from './simulated-log.ts';
import { projectionName as name, service, someWords, wordsProjection } from './words-projection.ts';
import { openAs, prepare, startRuntime, untilCaughtUp } from './words.ts';

const cluster = await testCluster();
const never = new AbortController().signal;

/** Two runtimes behind one service, as in a process of several services: `toy.words` and `toy.more-words`. */
async function setUp({
  words = someWords(500),
  antidote = () => false,
}: { words?: { text: string }[]; antidote?: () => boolean } = {}) {
  const log = createSimulatedLog();
  log.append(0, words);
  const [worker, more] = [
    await openAs(await cluster.database(service, prepare), 'worker'),
    await openAs(await cluster.database(service, prepare), 'worker'),
  ];
  const runtimes = [
    startRuntime({
      db: more,
      source: log,
      projections: [{ ...wordsProjection({ antidote }), name: 'toy.more-words' }],
    }),
    startRuntime({ db: worker, source: log, projections: [wordsProjection({ antidote })] }),
  ];
  const heads = await log.heads(never);
  await Promise.all([untilCaughtUp(worker, heads), untilCaughtUp(more, heads)]);
  const server = await serve({ routes: projectionRoutes(runtimes), access: projectionAccess });
  const clientOf = (credential: string) => createClient(ProjectionService, transportTo(server, credential));
  return { log, worker, clientOf, client: clientOf('operator') };
}

test('the projections of every service are listed in the order of their names', async () => {
  const { client } = await setUp();
  const { projections } = await client.listProjections({});
  expect(projections.map((projection) => projection.name)).toEqual(['toy.more-words', name]);
  expect(projections[1]).toMatchObject({
    version: 1,
    generation: 1,
    parkedCount: 0n,
    partitions: [
      {
        partition: 0,
        position: 500n,
        headOffset: 500n,
        lagMs: 0n,
        completeTo: { seconds: expect.any(BigInt) },
      },
    ],
  });
  expect(projections[1]?.rebuildProgress).toBeUndefined();
});

test('a verification tells its steps and ends with what differs', async () => {
  const { client, worker } = await setUp();
  await worker.query(`update words set said_count = 0 where word = 'word 1'`);
  const messages = await Array.fromAsync(client.verifyProjection({ name }));
  expect(messages.slice(0, -1).every(({ done }) => !done)).toBe(true);
  const last = messages.at(-1);
  expect(last).toMatchObject({
    done: true,
    eventCount: 500n,
    totalEventCount: 500n,
    rowCount: 11n,
    differenceCount: 1n,
  });
  expect(JSON.parse(last?.differences[0]?.expected ?? '')).toEqual({
    partition: 0,
    word: 'word 1',
    said_count: 50,
  });
});

test('a rebuild tells its steps and ends when the new generation answers', async () => {
  const { client } = await setUp();
  const messages = await Array.fromAsync(client.rebuildProjection({ name }));
  expect(messages.at(-1)).toMatchObject({ done: true, generation: 2, eventCount: 500n });
  const { projections } = await client.listProjections({});
  expect(projections.find((projection) => projection.name === name)?.generation).toBe(2);
});

test('parked events come in pages over all services, and can be replayed', async () => {
  let hasAntidote = false;
  const words = someWords(30).map((word, i) => (i % 10 === 0 ? { text: `poison ${i}` } : word));
  const { client } = await setUp({ words, antidote: () => hasAntidote });

  const all = await client.listParkedEvents({});
  expect(all.parkedEvents).toHaveLength(6);
  expect(all.nextPageToken).toBe('');
  const paged = [];
  let pageToken = '';
  do {
    const page = await client.listParkedEvents({ pageSize: 4, pageToken });
    paged.push(...page.parkedEvents);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(paged).toEqual(all.parkedEvents);

  hasAntidote = true;
  expect(await client.replayParkedEvents({ name })).toMatchObject({ replayedCount: 3n, parkedCount: 0n });
  expect((await client.listParkedEvents({ name })).parkedEvents).toEqual([]);
  expect((await client.listParkedEvents({})).parkedEvents).toHaveLength(3);
});

test('an unknown projection is NOT_FOUND in every call that names one', async () => {
  const { client } = await setUp();
  const unknown = { name: 'toy.unknown' };
  const calls = [
    () => Array.fromAsync(client.verifyProjection(unknown)),
    () => Array.fromAsync(client.rebuildProjection(unknown)),
    () => client.listParkedEvents(unknown),
    () => client.replayParkedEvents(unknown),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: Code.NotFound });
});

test('a page token that was not given, or for another name, is INVALID_ARGUMENT', async () => {
  const { client } = await setUp({ words: [{ text: 'poison' }, { text: 'poison' }] });
  const { nextPageToken } = await client.listParkedEvents({ name, pageSize: 1 });
  for (const request of [
    { pageToken: 'x' },
    { pageToken: 'W10' },
    { pageToken: nextPageToken },
    { pageSize: -1 },
  ]) {
    await expect(client.listParkedEvents(request)).rejects.toMatchObject({ code: Code.InvalidArgument });
  }
  await expect(client.verifyProjection({ name: '' })[Symbol.asyncIterator]().next()).rejects.toThrow(
    ConnectError,
  );
});

test.each(['tenant', 'service'])('a %s may not call it', async (credential) => {
  const { clientOf } = await setUp();
  const client = clientOf(credential);
  const calls = [
    () => client.listProjections({}),
    () => Array.fromAsync(client.verifyProjection({ name })),
    () => Array.fromAsync(client.rebuildProjection({ name })),
    () => client.listParkedEvents({}),
    () => client.replayParkedEvents({ name }),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: Code.PermissionDenied });
});
