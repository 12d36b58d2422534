import { AlertService } from '@parley/contracts/parley/metrics/v1/alert_service';
import { AnalysisService } from '@parley/contracts/parley/metrics/v1/analysis_service';
import { MetricsService } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { SettingsService } from '@parley/contracts/parley/metrics/v1/settings_service';
import type { AccessPolicy, MethodAccess } from '@parley/rpc';

const reading: MethodAccess = { callers: ['tenant', 'operator'], scopes: ['read'], tenant: 'required' };
const changing: MethodAccess = { ...reading, scopes: ['admin'] };

/** Who may call what. */
export const metricsAccess: AccessPolicy = {
  [MetricsService.typeName]: { ...reading, isQuery: true },
  [AnalysisService.typeName]: { ...reading, isQuery: true },
  [SettingsService.typeName]: reading,
  [`${SettingsService.typeName}/UpdateConversationSettings`]: changing,
  [`${SettingsService.typeName}/UpdateHealthSettings`]: changing,
  [AlertService.typeName]: { ...reading, isQuery: true },
  [`${AlertService.typeName}/CreateWebhook`]: changing,
  [`${AlertService.typeName}/ListWebhooks`]: changing,
  [`${AlertService.typeName}/DeleteWebhook`]: changing,
  [`${AlertService.typeName}/ListWebhookDeliveries`]: changing,
};
