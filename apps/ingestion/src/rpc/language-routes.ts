import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Tenant } from '@parley/access';
import { UnderstandingSchema } from '@parley/contracts/parley/ingestion/v1/event';
import {
  IntentModelSchema,
  LanguageSettingsSchema,
} from '@parley/contracts/parley/ingestion/v1/language_service';
import type {
  IntentModel,
  LanguageService,
  LanguageSettings as LanguageSettingsMessage,
  ModelEndpoint as ModelEndpointMessage,
} from '@parley/contracts/parley/ingestion/v1/language_service';
import { invalidArgument } from '@parley/errors';
import type { EndpointRules } from '@parley/outbound';
import { pageSizeOf, readPageToken, tenantOf, writePageToken } from '@parley/rpc';
import type { Now } from '@parley/runtime';
import type { IntentModelRecord, LanguageSettings, ModelEndpoint } from '../language/intent-model-record.ts';
import type { TenantReader } from '../language/tenant-reader.ts';
import type { Training } from '../language/training.ts';
import type { LanguageStore, SettingsChange } from '../storage/language-store.ts';

export interface LanguageRouteDependencies {
  readonly store: LanguageStore;
  readonly reader: TenantReader;
  readonly training: Training;
  readonly endpointRules: EndpointRules;
  readonly now: Now;
}

/** What is asked for by hand may wait longer than what holds up an acknowledgement. */
const understandOptions = { maxWaiting: 8_000_000, timeoutMs: 9_000 };
const usualTimeoutMs = 2_000;
const leastTimeoutMs = 100;
const progressEvery = 0.01;

/** Reading texts, and how it is done. */
export function createLanguageRoutes({
  store,
  reader,
  training,
  endpointRules,
  now,
}: LanguageRouteDependencies): ServiceImpl<typeof LanguageService> {
  return {
    async *trainIntents({ examples, activate }, context) {
      const tenant = tenantOf(context);
      const plain = examples.map(({ text, label }) => ({ text, label }));
      const steps = training.train(tenant, plain, context.signal);
      let told = 0;
      yield { progress: 0 };
      for (;;) {
        const step = await steps.next();
        if (step.done === true) {
          const model = await store.add(tenant, step.value, now(), { activate });
          if (activate) reader.forget(tenant);
          yield { progress: 1, model: toModel(model) };
          return;
        }
        if (step.value < told + progressEvery) continue;
        told = step.value;
        yield { progress: told };
      }
    },

    async listIntentModels({ pageSize, pageToken }, context) {
      const tenant = tenantOf(context);
      const filters = ['intent models', tenant.tenantId];
      const limit = pageSizeOf(pageSize, { usual: 50 });
      const [cursor] = readPageToken(pageToken, filters, 1) ?? [];
      const below = cursor === undefined ? undefined : Number(cursor);
      const found = await store.list(tenant, { below, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1) : undefined;
      return {
        models: page.map(toModel),
        nextPageToken: last === undefined ? '' : writePageToken(filters, [String(last.version)]),
      };
    },

    async activateIntentModel({ version }, context) {
      const tenant = tenantOf(context);
      await store.activate(tenant, version);
      reader.forget(tenant);
      if (version !== 0) return { model: toModel(await store.get(tenant, version)) };
      return { model: { version: 0, active: true } };
    },

    async understand({ texts }, context) {
      const understandings = await reader.read(
        tenantOf(context),
        texts.map((text) => ({ text, wantsIntent: true, wantsSentiment: true })),
        understandOptions,
      );
      return {
        understandings: understandings.map((bytes) =>
          fromBinary(UnderstandingSchema, bytes ?? new Uint8Array()),
        ),
      };
    },

    async getLanguageSettings(_request, context) {
      return { settings: toSettings(await store.getSettings(tenantOf(context))) };
    },

    async updateLanguageSettings({ settings, updateMask }, context) {
      const tenant: Tenant = tenantOf(context);
      const paths = pathsOf(settings, updateMask?.paths);
      const change: SettingsChange = {
        ...(paths.includes('out_of_scope_threshold') && { threshold: settings?.outOfScopeThreshold ?? null }),
        ...(paths.includes('endpoint') && {
          endpoint: settings?.endpoint === undefined ? null : toEndpoint(settings.endpoint),
        }),
      };
      if (change.endpoint) await endpointRules.check(change.endpoint.url, 'settings.endpoint.url');
      const changed = await store.updateSettings(tenant, change);
      reader.forget(tenant);
      return { settings: toSettings(changed) };
    },
  };
}

const changeablePaths: readonly string[] = ['out_of_scope_threshold', 'endpoint'];

function pathsOf(
  settings: LanguageSettingsMessage | undefined,
  asked: readonly string[] | undefined,
): readonly string[] {
  if (asked === undefined) {
    return [
      ...(settings?.outOfScopeThreshold === undefined ? [] : ['out_of_scope_threshold']),
      ...(settings?.endpoint === undefined ? [] : ['endpoint']),
    ];
  }
  const foreign = asked.find((path) => !changeablePaths.includes(path));
  if (foreign === undefined) return asked;
  throw invalidArgument([
    {
      field: 'update_mask',
      description: `may name ${changeablePaths.join(' and ')}; this is ${JSON.stringify(foreign)}`,
      reason: 'FIELD_NOT_CHANGEABLE',
    },
  ]);
}

function toEndpoint({ url, bearerToken, timeoutMs, modelVersion }: ModelEndpointMessage): ModelEndpoint {
  if (timeoutMs !== 0 && timeoutMs < leastTimeoutMs) {
    throw invalidArgument([
      {
        field: 'settings.endpoint.timeout_ms',
        description: 'must be 0, or 100 to 10,000',
        reason: 'OUT_OF_RANGE',
      },
    ]);
  }
  return {
    url,
    bearerToken: bearerToken === '' ? undefined : bearerToken,
    timeoutMs: timeoutMs === 0 ? usualTimeoutMs : timeoutMs,
    modelVersion,
  };
}

function toSettings({ threshold, endpoint }: LanguageSettings): LanguageSettingsMessage {
  return create(LanguageSettingsSchema, {
    outOfScopeThreshold: threshold,
    ...(endpoint && {
      endpoint: { url: endpoint.url, timeoutMs: endpoint.timeoutMs, modelVersion: endpoint.modelVersion },
    }),
  });
}

function toModel(record: IntentModelRecord): IntentModel {
  const { version, isActive, trainedAt, exampleCount, intents, quality, byteCount, contentHash } = record;
  return create(IntentModelSchema, {
    version,
    active: isActive,
    trainedAt: timestampFromDate(trainedAt),
    exampleCount,
    intents: [...intents],
    crossValidation: {
      foldCount: quality.foldCount,
      accuracy: quality.accuracy,
      macroF1: quality.macroF1,
      outOfScopeAuroc: quality.outOfScopeAuroc,
      calibrationError: quality.calibrationError,
      intents: quality.intents.map(({ confusedWith, ...intent }) => ({
        ...intent,
        confusedWith: confusedWith ?? '',
      })),
    },
    byteCount: BigInt(byteCount),
    contentHash,
  });
}
