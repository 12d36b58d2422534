import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Health } from '@parley/contracts/grpc/health/v1/health';
import { ServerReflection } from '@parley/contracts/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionAlpha } from '@parley/contracts/grpc/reflection/v1alpha/reflection';
import { ExperimentService } from '@parley/contracts/parley/experiment/v1/experiment_service';
import { AccessService } from '@parley/contracts/parley/ingestion/v1/access_service';
import { CollectionService } from '@parley/contracts/parley/ingestion/v1/collection_service';
import { ErasureService } from '@parley/contracts/parley/ingestion/v1/erasure_service';
import { EventLogService } from '@parley/contracts/parley/ingestion/v1/event_log_service';
import { IngestionService } from '@parley/contracts/parley/ingestion/v1/ingestion_service';
import { LanguageService } from '@parley/contracts/parley/ingestion/v1/language_service';
import { PrivacyService } from '@parley/contracts/parley/ingestion/v1/privacy_service';
import { QuarantineService } from '@parley/contracts/parley/ingestion/v1/quarantine_service';
import { TenantService } from '@parley/contracts/parley/ingestion/v1/tenant_service';
import { AlertService } from '@parley/contracts/parley/metrics/v1/alert_service';
import { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { SettingsService } from '@parley/contracts/parley/metrics/v1/settings_service';
import { OptimizerService } from '@parley/contracts/parley/optimizer/v1/optimizer_service';
import { ProjectionService } from '@parley/contracts/parley/projection/v1/projection_service';

/** Who may call: anybody, the operator (for a tenant or for none), other services, or a tenant's key: any, or one of this scope or `admin`. */
export type Admission = 'anybody' | 'operator' | 'operator-for-tenant' | 'services' | 'any-key' | TenantScope;
export const tenantScopes = ['ingest', 'read', 'experiment', 'admin'] as const;
export type TenantScope = (typeof tenantScopes)[number];

export interface ServedMethod {
  /** `/service/Method`. */
  readonly path: string;
  readonly method: DescMethod;
  readonly admission: Admission;
  /** No method takes a message of more bytes than this. */
  readonly largestMessage: number;
}

const mebibyte = 2 ** 20;

/** Every service that is served, with who may call it, as the contracts say; here stated once more on purpose. */
const services: readonly (readonly [DescService, Admission, Readonly<Record<string, Admission>>?])[] = [
  [Health, 'anybody'],
  [ServerReflection, 'anybody'],
  [ServerReflectionAlpha, 'anybody'],
  [IngestionService, 'ingest', { GetInteraction: 'read', ListInteractions: 'read' }],
  [
    TenantService,
    'admin',
    {
      CreateTenant: 'operator',
      ListTenants: 'operator',
      GetTenant: 'any-key',
      UpdateTenantLimits: 'operator-for-tenant',
    },
  ],
  [QuarantineService, 'admin'],
  [PrivacyService, 'admin', { SetConsent: 'ingest' }],
  [
    LanguageService,
    'read',
    { TrainIntents: 'admin', ActivateIntentModel: 'admin', UpdateLanguageSettings: 'admin' },
  ],
  [CollectionService, 'read'],
  [ErasureService, 'services'],
  [AccessService, 'services'],
  [EventLogService, 'services'],
  [MetricsService, 'read'],
  [AnalysisService, 'read'],
  [SettingsService, 'read', { UpdateConversationSettings: 'admin', UpdateHealthSettings: 'admin' }],
  [
    AlertService,
    'read',
    {
      CreateWebhook: 'admin',
      ListWebhooks: 'admin',
      DeleteWebhook: 'admin',
      ListWebhookDeliveries: 'admin',
    },
  ],
  [OptimizerService, 'read'],
  [ExperimentService, 'experiment', { AnalyzeAbTest: 'read' }],
  [ProjectionService, 'operator'],
];

export const servedServices: readonly DescService[] = services.map(([service]) => service);

export const servedMethods: readonly ServedMethod[] = services.flatMap(([service, usual, special = {}]) =>
  service.methods.map((method) => ({
    path: `/${service.typeName}/${method.name}`,
    method,
    admission: special[method.name] ?? usual,
    largestMessage: method === LanguageService.method.trainIntents ? 8 * mebibyte : mebibyte,
  })),
);
