import { Outcome } from '@parley/contracts/parley/ingestion/v1/event';
import { EventOutcome } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { postgresVersions, testCluster } from '@parley/testing';
import { afterAll, expect, test } from 'vitest';
import { refusalOf } from './refusals.ts';
import { startService } from './service-fixture.ts';

const said = (eventId: string, messageText = 'hello') => ({
  eventId,
  payload: { case: 'interaction' as const, value: { botId: 'b', messageText } },
});

for (const { name, options } of postgresVersions) {
  const cluster = await testCluster(options);
  const service = await startService(cluster, { atEnd: afterAll });

  test(`on ${name}, what was answered is there after a crash, once, and calls meanwhile are told to come again`, async () => {
    const { clients } = await service.tenant();
    const { ingestion } = clients;
    const ids = Array.from({ length: 40 }, (_, n) => `i-${n}`);
    let refused = 0;
    const record = async (eventId: string) => {
      for (;;) {
        try {
          return await ingestion.recordInteraction({ eventId, interaction: { botId: 'b' } });
        } catch (error) {
          const { code, mayRetry } = await refusalOf(Promise.reject(error as Error));
          expect({ code, mayRetry }).toEqual({ code: 'Unavailable', mayRetry: true });
          refused += 1;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    };
    const recording = (async () => {
      for (const id of ids) await record(id);
    })();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await cluster.server.crash();
    await recording;
    expect(refused).toBeGreaterThan(0);

    const { position } = await ingestion.recordConversion({
      conversion: {
        interactionId: 'i-1',
        outcome: Outcome.PURCHASED,
        value: { currencyCode: 'USD', minorUnits: 5n },
      },
    });
    let interactions:
      readonly { readonly interactionId: string; readonly monetizationEvent: boolean }[] | undefined;
    while (interactions === undefined) {
      interactions = await ingestion.listInteractions({ pageSize: 1000, minPosition: position }).then(
        (page) => page.interactions,
        () => undefined,
      );
    }
    expect(interactions.map(({ interactionId }) => interactionId).sort()).toEqual([...ids].sort());
    expect(interactions.filter(({ monetizationEvent }) => monetizationEvent)).toHaveLength(1);
    const steps = await Array.fromAsync(
      service.projections.verify('ingestion.read-model', AbortSignal.timeout(25_000)),
    );
    expect(steps.at(-1)).toMatchObject({ result: { differenceCount: 0 } });
  });
}

const cluster = await testCluster();

test('when too much is waiting, a batch is refused at once with when to try again, and nothing of it is lost', async () => {
  const service = await startService(cluster);
  const { tenant, clients } = await service.tenant();
  const { ingestion } = clients;
  const batches = Array.from({ length: 60 }, (_, batch) =>
    Array.from({ length: 1000 }, (_, n) => said(`${batch}-${n}`)),
  );
  const send = (events: (typeof batches)[number]) =>
    ingestion
      .recordEvents({ events }, { timeoutMs: 30_000 })
      .then(({ results }) => results.map(({ outcome }) => outcome));
  const sent = await service.admin.transaction(async (tx) => {
    await tx.query('select from partition_heads where partition = $1 for update', [tenant.partition]);
    const calls = batches.map(async (events) => {
      try {
        return { events, outcomes: await send(events) };
      } catch (error) {
        return { events, refusal: await refusalOf(Promise.reject(error as Error)) };
      }
    });
    // Those that are refused do not wait for the lock.
    await Promise.any(calls.map(async (call) => expect(await call).toHaveProperty('refusal')));
    return calls;
  });
  const answers = await Promise.all(sent);
  const refused = answers.filter((answer) => answer.refusal !== undefined);
  expect(refused.length).toBeGreaterThan(0);
  for (const { refusal } of refused) {
    expect(refusal).toMatchObject({ code: 'ResourceExhausted', mayRetry: true });
  }
  for (const { events } of refused)
    expect(new Set(await send(events))).toEqual(new Set([EventOutcome.ACCEPTED]));
  const { rows } = await service.admin.query<{ count: bigint }>(
    // What was read from them is beside them in the log.
    'select count(*) from events where tenant_id = $1 and kind = 1',
    [tenant.tenantId],
  );
  expect(rows).toEqual([{ count: 60_000n }]);
});
