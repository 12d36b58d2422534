import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { Sentiment } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import type { IntentModel } from '@parley/contracts/parley/ingestion/v1/language_service';
import { Scope } from '@parley/contracts/parley/ingestion/v1/access_service';
import { testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';
import type { TestTenant } from './service-fixture.ts';

const cluster = await testCluster();
const service = await startService(cluster, { atEnd: afterAll });
const { tenant, keyed, admin } = service;

/** Two intents that no common model has. */
const examples = [
  ...[
    'book a table for two',
    'reserve a table tonight',
    'i need a table at eight',
    'table reservation please',
  ].map((text) => ({ text, label: 'reserve_table' })),
  ...['is there parking', 'where can i park my car', 'do you have a garage', 'parking near you'].map(
    (text) => ({
      text,
      label: 'parking',
    }),
  ),
];

async function train({ clients: { language } }: TestTenant, activate = true): Promise<IntentModel> {
  const steps = await Array.fromAsync(language.trainIntents({ examples, activate }));
  expect(steps.slice(0, -1).every(({ model }) => model === undefined)).toBe(true);
  const model = steps.at(-1)?.model;
  if (model === undefined) throw new Error('no model');
  return model;
}

async function readBack({ clients: { ingestion } }: TestTenant, interactionId: string, minPosition: string) {
  const { interaction } = await ingestion.getInteraction({ interactionId, minPosition });
  return interaction?.interaction;
}

test('trained and activated, a model reads what comes without intent; the producer’s word stays', async () => {
  const own = await tenant();
  const { ingestion, language } = own.clients;
  // Warm: the first text of a process waits for its thread.
  await language.understand({ texts: ['hello'] });
  const model = await train(own);
  expect(model).toMatchObject({ version: 1, active: true, exampleCount: 8 });
  expect([...model.intents].sort()).toEqual(['parking', 'reserve_table']);
  await language.understand({ texts: ['hello'] });

  const said = (eventId: string, value: object) => ({
    eventId,
    occurredAt: timestampFromDate(new Date('2026-03-01T10:00:00Z')),
    payload: { case: 'interaction' as const, value: { botId: 'bot', ...value } },
  });
  const { position } = await ingestion.recordEvents({
    events: [
      said('unread', { messageText: 'can i reserve a table' }),
      said('given', {
        messageText: 'can i reserve a table',
        intent: 'mine',
        intentScore: 0.4,
        sentiment: Sentiment.NEGATIVE,
      }),
      said('half', { messageText: 'where is the parking', intent: 'mine' }),
      said('silent', {}),
    ],
  });

  const unread = await readBack(own, 'unread', position);
  expect(unread).toMatchObject({
    intent: 'reserve_table',
    intentScore: unread?.understanding?.intentConfidence,
  });
  expect(unread?.understanding?.modelVersion).toMatch(/^intents\/1 sentiment\/1$/);
  expect(unread?.sentiment).toBe(Sentiment.NEUTRAL);
  const given = await readBack(own, 'given', position);
  expect(given).toMatchObject({ intent: 'mine', intentScore: 0.4, sentiment: Sentiment.NEGATIVE });
  expect(given?.understanding).toBeUndefined();
  const half = await readBack(own, 'half', position);
  expect(half?.intent).toBe('mine');
  expect(half?.intentScore).toBeUndefined();
  expect(half?.understanding).toMatchObject({ intent: '', modelVersion: 'sentiment/1' });
  expect(half?.sentiment).not.toBe(Sentiment.UNSPECIFIED);
  const silent = await readBack(own, 'silent', position);
  expect(silent).toMatchObject({ intent: '', sentiment: Sentiment.UNSPECIFIED });
  expect(silent?.understanding).toBeUndefined();
});

test('what was read on the way in makes no conflict of a repeat, and other content still is one', async () => {
  const own = await tenant();
  const { ingestion, quarantine } = own.clients;
  const occurredAt = timestampFromDate(new Date('2026-03-01T10:00:00Z'));
  const sentAt = (seconds: bigint) => ({ seconds: BigInt(Math.floor(Date.now() / 1000)) - seconds });
  const record = (messageText: string, sentSeconds: bigint) =>
    ingestion.recordEvents({
      events: [
        {
          eventId: 'twice',
          occurredAt,
          sentAt: sentAt(sentSeconds),
          payload: { case: 'interaction', value: { botId: 'bot', messageText } },
        },
      ],
    });
  const outcomeOf = ({ results }: Awaited<ReturnType<typeof record>>) => results[0]?.outcome;
  expect(outcomeOf(await record('hello', 1n))).toBe(EventOutcome.ACCEPTED);
  expect(outcomeOf(await record('hello', 1n))).toBe(EventOutcome.DUPLICATE);
  // Sent at another time: other bytes, the same content.
  expect(outcomeOf(await record('hello', 2n))).toBe(EventOutcome.DUPLICATE);
  const conflict = await record('goodbye', 1n);
  expect(outcomeOf(conflict)).toBe(EventOutcome.CONFLICT);
  // In quarantine is what came, so that it can be recorded under another id.
  const { quarantinedEvent } = await quarantine.getQuarantinedEvent({
    quarantineId: conflict.results[0]?.quarantineId ?? '',
  });
  const payload = quarantinedEvent?.event?.payload;
  expect(payload?.case === 'interaction' && payload.value.understanding).toBeUndefined();
});

test('every training makes a version, one is active, and going back to 0 reads by the common intents', async () => {
  const own = await tenant();
  const { language } = own.clients;
  expect(await train(own)).toMatchObject({ version: 1, active: true });
  const second = await train(own, false);
  expect(second).toMatchObject({ version: 2, active: false });
  // The same examples make the same model.
  const { models } = await language.listIntentModels({});
  expect(models.map(({ version, active }) => [version, active])).toEqual([
    [2, false],
    [1, true],
  ]);
  expect(new Set(models.map(({ contentHash }) => contentHash)).size).toBe(1);
  const first = await language.listIntentModels({ pageSize: 1 });
  expect(first.models.map(({ version }) => version)).toEqual([2]);
  const rest = await language.listIntentModels({ pageSize: 1, pageToken: first.nextPageToken });
  expect(rest.models.map(({ version }) => version)).toEqual([1]);

  const versionRead = async () =>
    (await language.understand({ texts: ['book a table'] })).understandings[0]?.modelVersion;
  expect(await versionRead()).toMatch(/^intents\/1\b/);
  await language.activateIntentModel({ version: 2 });
  expect(await versionRead()).toMatch(/^intents\/2\b/);
  await language.activateIntentModel({ version: 0 });
  expect(await versionRead()).not.toMatch(/^intents\/[12]\b/);
  await expect(language.activateIntentModel({ version: 3 })).rejects.toSatisfy(
    (error) => ConnectError.from(error).code === Code.NotFound,
  );
});

test('a threshold decides what is fallback, and the best intent is told all the same', async () => {
  const own = await tenant();
  const { language } = own.clients;
  await train(own);
  const read = async () =>
    (await language.understand({ texts: ['i need a table tonight'] })).understandings[0];
  await language.updateLanguageSettings({ settings: { outOfScopeThreshold: 0 } });
  const strict = await read();
  expect(strict).toMatchObject({ intent: 'fallback', bestIntent: 'reserve_table' });
  await language.updateLanguageSettings({ settings: { outOfScopeThreshold: 1 } });
  expect(await read()).toMatchObject({ intent: 'reserve_table', outOfScope: strict?.outOfScope });
  expect((await language.getLanguageSettings({})).settings?.outOfScopeThreshold).toBe(1);
  await language.updateLanguageSettings({ settings: {}, updateMask: { paths: ['out_of_scope_threshold'] } });
  expect((await language.getLanguageSettings({})).settings?.outOfScopeThreshold).toBeUndefined();
});

test('one training at a time for a tenant; the next is told when to come again', async () => {
  const own = await tenant();
  const many = Array.from({ length: 2_000 }, (_, n) => ({
    text: `text ${n} ${n % 20}`,
    label: `intent ${n % 20}`,
  }));
  const leaving = new AbortController();
  const steps = own.clients.language.trainIntents({ examples: many }, { signal: leaving.signal });
  const first = steps[Symbol.asyncIterator]();
  await first.next();
  const refusal = await refusalOf(train(own));
  expect(refusal).toMatchObject({ code: 'ResourceExhausted', reason: 'TRAINING_BUSY' });
  leaving.abort();
  await expect(Array.fromAsync({ [Symbol.asyncIterator]: () => first })).rejects.toThrow();
  // Given up by its caller, it ends.
  await expect
    .poll(
      () =>
        train(own).then(
          () => true,
          () => false,
        ),
      { timeout: 10_000 },
    )
    .toBe(true);
});

test('labels such as __proto__ are labels, and nothing can be learned from one intent', async () => {
  const own = await tenant();
  const hostile = [
    ...['alpha one', 'alpha two', 'alpha three'].map((text) => ({ text, label: '__proto__' })),
    ...['beta one', 'beta two', 'beta three'].map((text) => ({ text, label: 'constructor' })),
  ];
  const steps = await Array.fromAsync(
    own.clients.language.trainIntents({ examples: hostile, activate: true }),
  );
  expect([...(steps.at(-1)?.model?.intents ?? [])].sort()).toEqual(['__proto__', 'constructor']);
  const { understandings } = await own.clients.language.understand({ texts: ['alpha', 'beta'] });
  expect(understandings.map(({ bestIntent }) => bestIntent)).toEqual(['__proto__', 'constructor']);

  const alone = examples.filter(({ label }) => label === 'parking');
  const refusal = await refusalOf(Array.fromAsync(own.clients.language.trainIntents({ examples: alone })));
  expect(refusal.code).toBe('InvalidArgument');
});

test('a tenant’s models are its own, and training takes the scope for it', async () => {
  const [one, other] = [await tenant(), await tenant()];
  await train(one);
  expect((await other.clients.language.listIntentModels({})).models).toEqual([]);
  const reading = await keyed(one, [Scope.READ]);
  await reading.language.understand({ texts: ['hello'] });
  for (const refused of [
    () => reading.language.activateIntentModel({ version: 0 }),
    () => reading.language.updateLanguageSettings({ settings: {} }),
    () => Array.fromAsync(reading.language.trainIntents({ examples })),
  ]) {
    expect((await refusalOf(refused())).code).toBe('PermissionDenied');
  }
});

test('a token is kept encrypted, never given back, kept over a change, and dropped with its address', async () => {
  const own = await tenant();
  const { language } = own.clients;
  const endpoint = { url: 'https://8.8.8.8/read', bearerToken: 'a secret token', modelVersion: 'mine/1' };
  const { settings } = await language.updateLanguageSettings({ settings: { endpoint } });
  expect(settings?.endpoint).toMatchObject({ url: endpoint.url, bearerToken: '', timeoutMs: 2_000 });
  const tokenOf = async () =>
    (
      await admin.query<{ endpoint_token: Uint8Array | null }>(
        'select endpoint_token from ingestion.language_settings where tenant_id = $1',
        [own.tenant.tenantId],
      )
    ).rows[0]?.endpoint_token;
  const kept = await tokenOf();
  expect(Buffer.from(kept ?? []).toString('latin1')).not.toContain('secret');
  await language.updateLanguageSettings({
    settings: { endpoint: { ...endpoint, bearerToken: '', timeoutMs: 500 } },
  });
  expect(await tokenOf()).toEqual(kept);
  await language.updateLanguageSettings({
    settings: { endpoint: { ...endpoint, url: 'https://9.9.9.9/', bearerToken: '' } },
  });
  expect(await tokenOf()).toBeNull();
  for (const url of ['http://8.8.8.8/', 'https://127.0.0.1/', 'https://[::ffff:10.0.0.1]/']) {
    const refusal = await refusalOf(
      language.updateLanguageSettings({ settings: { endpoint: { ...endpoint, url } } }),
    );
    expect(refusal.code).toBe('InvalidArgument');
  }
});
