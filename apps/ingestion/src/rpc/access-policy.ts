import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
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
/** A message of 16,384 and an answer of 65,536 characters, of up to four bytes each, do not fit into the usual limit. */
const withLongText: MethodAccess = { ...forTenant('ingest'), maxMessageBytes: batchMessageBytes };

/** Who may call what. */
export const ingestionAccess: AccessPolicy = {
  [IngestionService.typeName]: forTenant('ingest'),
  [`${IngestionService.typeName}/RecordInteraction`]: withLongText,
  [`${IngestionService.typeName}/CompleteInteraction`]: withLongText,
  [`${IngestionService.typeName}/RecordConversion`]: withLongText,
  [`${IngestionService.typeName}/RecordFeedback`]: withLongText,
  [`${IngestionService.typeName}/RecordEvents`]: withLongText,
  [`${IngestionService.typeName}/GetInteraction`]: forTenant('read'),
  [`${IngestionService.typeName}/ListInteractions`]: forTenant('read'),
  [TenantService.typeName]: forTenant('admin'),
  [`${TenantService.typeName}/GetTenant`]: { callers: ['tenant', 'operator'], tenant: 'required' },
  [`${TenantService.typeName}/CreateTenant`]: forOperator,
  [`${TenantService.typeName}/ListTenants`]: forOperator,
  [QuarantineService.typeName]: forTenant('admin'),
  [`${QuarantineService.typeName}/ReplayQuarantinedEvent`]: {
    ...forTenant('admin'),
    maxMessageBytes: batchMessageBytes,
  },
  [PrivacyService.typeName]: forTenant('admin'),
  [`${PrivacyService.typeName}/SetConsent`]: forTenant('ingest'),
  [AccessService.typeName]: forServices,
  [EventLogService.typeName]: forServices,
};
