import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Client } from '@connectrpc/connect';
import { generateApiKey } from '@parley/access';
import { EventOutcome, IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { createTransportTo, type ClientTransport } from '@parley/rpc';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admittedHeaders, bearer, createTenant, type TenantKeys } from '../src/credentials.ts';
import { servedMethods, tenantScopes, type ServedMethod, type TenantScope } from '../src/served-methods.ts';
import { startStandalone, type StandaloneProcess } from '../src/standalone-process.ts';
import { envelope, openWire, type Wire, type WireAnswer } from '../src/wire.ts';

let parley: StandaloneProcess;
let shop: TenantKeys;
let rival: TenantKeys;
const opened: (Wire | ClientTransport)[] = [];
beforeAll(async () => {
  parley = await startStandalone();
  shop = await createTenant(parley, 'shop');
  rival = await createTenant(parley, 'rival');
});
afterAll(async () => {
  for (const connection of opened) connection.close();
  await parley?.stop();
});

let addresses = 0;
/** Failed calls are counted by address, so whoever fails often comes from many. */
async function freshWire(): Promise<Wire> {
  addresses += 1;
  const wire = await openWire(parley.url, { localAddress: `127.0.1.${addresses}` });
  opened.push(wire);
  return wire;
}

/** What each method answers to an empty message with these headers, by path. */
async function answersTo(
  methods: readonly ServedMethod[],
  headers: Readonly<Record<string, string>>,
): Promise<Map<string, WireAnswer>> {
  const answers = new Map<string, WireAnswer>();
  let wire: Wire | undefined;
  for (const [index, { path, method }] of methods.entries()) {
    if (index % 15 === 0) wire = await freshWire();
    // Streams would last.
    const deadline = method.methodKind === 'unary' ? '10S' : '300m';
    const message = envelope(toBinary(method.input, create(method.input)));
    const answer = await wire?.call(path, message, { headers: { ...headers, 'grpc-timeout': deadline } });
    if (answer) answers.set(path, answer);
  }
  return answers;
}

const closed = servedMethods.filter(({ admission }) => admission !== 'anybody');
const forTenants = closed.filter(({ admission }) => admission !== 'operator' && admission !== 'services');
const codesOf = (answers: ReadonlyMap<string, WireAnswer>) =>
  Object.fromEntries([...answers].map(([path, { code }]) => [path, code]));
const all = (methods: readonly ServedMethod[], code: Code) =>
  Object.fromEntries(methods.map(({ path }) => [path, code]));

const refusals: ReadonlySet<number> = new Set([Code.Unauthenticated, Code.PermissionDenied]);

function isOpenTo(scope: TenantScope, { admission }: ServedMethod): boolean {
  if (admission === 'operator' || admission === 'operator-for-tenant' || admission === 'services')
    return false;
  return scope === 'admin' || admission === 'any-key' || admission === scope;
}

describe('every method, of every service,', () => {
  test('is UNAUTHENTICATED without a key', async () => {
    expect(codesOf(await answersTo(closed, {}))).toEqual(all(closed, Code.Unauthenticated));
  });

  test.each([
    ['of no key at all', () => 'Bearer hello'],
    ['of a key that nobody made', () => `Bearer ${generateApiKey(randomBytes).text}`],
    ['of a key with one wrong letter', () => `Bearer ${shop.keys.admin.slice(0, -1)}~`],
    ['of a revoked key', () => `Bearer ${shop.revoked}`],
    ['of no bearer', () => `Basic ${shop.keys.admin}`],
  ])('is UNAUTHENTICATED with the header %s', async (_what, authorization) => {
    const answers = await answersTo(closed, { authorization: authorization() });
    expect(codesOf(answers)).toEqual(all(closed, Code.Unauthenticated));
  });

  test.each(tenantScopes)(
    'is open to a key of scope %s exactly where the contract says so',
    async (scope) => {
      const answers = await answersTo(closed, bearer(shop.keys[scope]));
      const open = closed.filter(({ path }) => !refusals.has(answers.get(path)?.code ?? Number.NaN));
      expect(open.map(({ path }) => path)).toEqual(
        closed.filter((served) => isOpenTo(scope, served)).map(({ path }) => path),
      );
      for (const { path } of closed.filter((served) => !isOpenTo(scope, served))) {
        expect(answers.get(path), path).toMatchObject({ code: Code.PermissionDenied });
      }
    },
  );

  test("refuses a tenant's key that names a tenant, even its own", async () => {
    for (const name of [shop.name, rival.name]) {
      const headers = { ...bearer(shop.keys.admin), 'parley-tenant': name };
      expect(codesOf(await answersTo(closed, headers))).toEqual(all(closed, Code.PermissionDenied));
    }
  });

  test('asks the operator to name the tenant where there must be one, and to name none where there is none', async () => {
    const operator = bearer(parley.operatorKey);
    const unnamed = await answersTo(forTenants, operator);
    expect(codesOf(unnamed)).toEqual(all(forTenants, Code.InvalidArgument));
    for (const [path, { message }] of unnamed) expect(message, path).toMatch(/parley-tenant/);

    const unknown = await answersTo(forTenants, { ...operator, 'parley-tenant': 'nobody' });
    expect(codesOf(unknown)).toEqual(all(forTenants, Code.NotFound));

    const forServices = closed.filter(({ admission }) => admission === 'services');
    expect(codesOf(await answersTo(forServices, operator))).toEqual(all(forServices, Code.PermissionDenied));

    const forOperator = closed.filter(({ admission }) => admission === 'operator');
    const named = await answersTo(forOperator, { ...operator, 'parley-tenant': shop.name });
    expect(codesOf(named)).toEqual(all(forOperator, Code.InvalidArgument));
  });

  test('never answers INTERNAL or UNKNOWN to an empty message of somebody who may call it', async () => {
    for (const served of servedMethods) {
      const headers = admittedHeaders(served, parley, shop);
      for (const [path, { code, message }] of await answersTo([served], headers)) {
        const bad: Code[] = [Code.Internal, Code.Unknown, Code.Unauthenticated, Code.PermissionDenied];
        expect(bad, `${path}: ${message}`).not.toContain(code);
        expect(code, path).not.toBeNaN();
      }
    }
  });
});

test('a revoked key is refused at once', async () => {
  const transport = connect(shop.keys.admin);
  const { key, apiKey } = await createClient(TenantService, transport).createApiKey({
    displayName: 'short-lived',
    scopes: [2],
  });
  const reader = createClient(IngestionService, connect(key, { retry: false }));
  await reader.listInteractions({});
  await createClient(TenantService, transport).revokeApiKey({ keyId: apiKey?.keyId ?? '' });
  await expect(reader.listInteractions({})).rejects.toMatchObject({ code: Code.Unauthenticated });
});

describe("another tenant's", () => {
  const theirs = { botId: 'support', memberId: 'm-1', messageText: 'a secret', conversationId: 'c-1' };
  let quarantineId: string;
  let keyId: string;
  beforeAll(async () => {
    const { ingestion, tenants } = clientsOf(shop);
    for (const eventId of ['theirs-1', 'theirs-2', 'theirs-3']) {
      await ingestion.recordInteraction({ eventId, interaction: theirs });
    }
    const { results } = await ingestion.recordEvents({
      events: [
        { eventId: 'theirs-1', payload: { case: 'interaction', value: { ...theirs, messageText: 'other' } } },
      ],
    });
    expect(results[0]).toMatchObject({ outcome: EventOutcome.CONFLICT });
    quarantineId = results[0]?.quarantineId ?? '';
    const { apiKeys } = await tenants.listApiKeys({});
    keyId = apiKeys[0]?.keyId ?? '';
    expect(quarantineId).not.toBe('');
    expect(keyId).not.toBe('');
  });

  /** The answer, with the id that was asked for left out. */
  async function refusalOf(call: (id: string) => Promise<unknown>, id: string) {
    const error = await call(id).then(
      () => undefined,
      (reason: unknown) => ConnectError.from(reason),
    );
    return { code: error?.code, message: error?.rawMessage.replaceAll(id, '…') };
  }

  test('ids are answered as ids that do not exist', async () => {
    const { ingestion, tenants, quarantine } = clientsOf(rival);
    const calls: [string, string, (id: string) => Promise<unknown>][] = [
      ['theirs-1', 'nowhere-1', (interactionId) => ingestion.getInteraction({ interactionId })],
      [keyId, unlike(keyId), (id) => tenants.revokeApiKey({ keyId: id })],
      [quarantineId, unlike(quarantineId), (id) => quarantine.getQuarantinedEvent({ quarantineId: id })],
      [quarantineId, unlike(quarantineId), (id) => quarantine.replayQuarantinedEvent({ quarantineId: id })],
    ];
    for (const [existing, absent, call] of calls) {
      const answer = await refusalOf(call, existing);
      expect(answer).toEqual(await refusalOf(call, absent));
      expect(answer.code).toBe(Code.NotFound);
    }
    // Discarding what is not there is done already; what is theirs stays.
    for (const id of [quarantineId, unlike(quarantineId)]) {
      expect(
        await refusalOf((each) => quarantine.discardQuarantinedEvent({ quarantineId: each }), id),
      ).toEqual({});
    }
    const own = clientsOf(shop);
    expect(await own.ingestion.getInteraction({ interactionId: 'theirs-1' })).toHaveProperty('interaction');
    expect(await own.quarantine.getQuarantinedEvent({ quarantineId })).toBeDefined();
  });

  test('events are in no list and no figure, and their ids are free', async () => {
    const { ingestion, quarantine, metrics } = clientsOf(rival);
    const { interactions } = await ingestion.listInteractions({ memberId: theirs.memberId });
    expect(interactions).toEqual([]);
    expect((await quarantine.listQuarantinedEvents({})).quarantinedEvents).toEqual([]);
    const { engagement } = await metrics.getKpis({ scope: { botId: theirs.botId } });
    expect(engagement?.totalInteractions).toMatchObject({ value: 0, hasData: false });

    const mine = await ingestion.recordInteraction({
      eventId: 'theirs-1',
      interaction: { ...theirs, messageText: 'mine' },
    });
    expect(mine.duplicate).toBe(false);
    const { interaction } = await ingestion.getInteraction({
      interactionId: 'theirs-1',
      minPosition: mine.position,
    });
    expect(interaction?.interaction?.messageText).toBe('mine');
  });

  test('page token opens nothing of theirs', async () => {
    const theirPage = await clientsOf(shop).ingestion.listInteractions({ pageSize: 1 });
    expect(theirPage.nextPageToken).not.toBe('');
    const answer = await clientsOf(rival)
      .ingestion.listInteractions({ pageSize: 1000, pageToken: theirPage.nextPageToken })
      .then(
        ({ interactions }) => interactions.map(({ interaction }) => interaction?.messageText),
        (error: unknown) => ConnectError.from(error).code,
      );
    if (typeof answer === 'number') expect(answer).toBe(Code.InvalidArgument);
    else expect(answer).not.toContain(theirs.messageText);
  });
});

function connect(credential: string, options: { readonly retry?: false } = {}): ClientTransport {
  const transport = createTransportTo({ baseUrl: parley.url, credential, ...options });
  opened.push(transport);
  return transport;
}

function clientsOf({ keys }: TenantKeys): {
  ingestion: Client<typeof IngestionService>;
  tenants: Client<typeof TenantService>;
  quarantine: Client<typeof QuarantineService>;
  metrics: Client<typeof MetricsService>;
} {
  const transport = connect(keys.admin);
  return {
    ingestion: createClient(IngestionService, transport),
    tenants: createClient(TenantService, transport),
    quarantine: createClient(QuarantineService, transport),
    metrics: createClient(MetricsService, transport),
  };
}

/** Of the same form, and not there. */
function unlike(id: string): string {
  return id.replace(/[0-9a-f](?=[^0-9a-f]*$)/i, (last) => (last === '0' ? '1' : '0'));
}
