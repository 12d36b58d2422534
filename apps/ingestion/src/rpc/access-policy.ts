import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { CollectionService } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { LanguageService } from '@parley/contracts/parley/ingestion/v1/language_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import type { Scope } from '@parley/access';
import { batchMessageBytes } from '@parley/rpc';
import type { AccessPolicy, MethodAccess } from '@parley/rpc';

const forTenant = (...scopes: Scope[]): MethodAccess => ({
  callers: ['tenant', 'operator'],
  scopes,
  tenant: 'required',
});
const forOperator: MethodAccess = { callers: ['operator'], tenant: 'none' };
const forServices: MethodAccess = { callers: ['service'], tenant: 'none' };
/** Reads: a tenant makes only so many at a time. */
const reading = (...scopes: Scope[]): MethodAccess => ({ ...forTenant(...scopes), isQuery: true });
/** Counts against what its tenant may send. */
const sending: MethodAccess = { ...forTenant('ingest'), isMetered: true };
/** A message of 16,384 and an answer of 65,536 characters, of up to four bytes each, do not fit into the usual limit. */
const withLongText: MethodAccess = { ...sending, maxMessageBytes: batchMessageBytes };

/** Some 50,000 examples. */
const trainingBytes = 8 * 1024 * 1024;

/** Who may call what. */
export const ingestionAccess: AccessPolicy = {
  [IngestionService.typeName]: sending,
  [`${IngestionService.typeName}/RecordInteraction`]: withLongText,
  [`${IngestionService.typeName}/CompleteInteraction`]: withLongText,
  [`${IngestionService.typeName}/RecordConversion`]: withLongText,
  [`${IngestionService.typeName}/RecordFeedback`]: withLongText,
  [`${IngestionService.typeName}/RecordEvents`]: withLongText,
  [`${IngestionService.typeName}/IngestEvents`]: withLongText,
  [`${IngestionService.typeName}/GetInteraction`]: reading('read'),
  [`${IngestionService.typeName}/ListInteractions`]: reading('read'),
  [TenantService.typeName]: forTenant('admin'),
  [`${TenantService.typeName}/GetTenant`]: { callers: ['tenant', 'operator'], tenant: 'required' },
  [`${TenantService.typeName}/CreateTenant`]: forOperator,
  [`${TenantService.typeName}/ListTenants`]: forOperator,
  [`${TenantService.typeName}/UpdateTenantLimits`]: { callers: ['operator'], tenant: 'required' },
  [QuarantineService.typeName]: forTenant('admin'),
  [`${QuarantineService.typeName}/ListQuarantinedEvents`]: reading('admin'),
  [`${QuarantineService.typeName}/ReplayQuarantinedEvent`]: {
    ...forTenant('admin'),
    maxMessageBytes: batchMessageBytes,
  },
  [PrivacyService.typeName]: forTenant('admin'),
  [`${PrivacyService.typeName}/PreviewRetention`]: reading('admin'),
  [`${PrivacyService.typeName}/ListTextReads`]: reading('admin'),
  [`${PrivacyService.typeName}/SetConsent`]: forTenant('ingest'),
  [LanguageService.typeName]: forTenant('read'),
  [`${LanguageService.typeName}/Understand`]: { ...forTenant('read'), maxMessageBytes: batchMessageBytes },
  [`${LanguageService.typeName}/TrainIntents`]: { ...forTenant('admin'), maxMessageBytes: trainingBytes },
  [`${LanguageService.typeName}/ActivateIntentModel`]: forTenant('admin'),
  [`${LanguageService.typeName}/UpdateLanguageSettings`]: forTenant('admin'),
  [CollectionService.typeName]: reading('read'),
  [ErasureService.typeName]: forServices,
  [AccessService.typeName]: forServices,
  [EventLogService.typeName]: forServices,
};
