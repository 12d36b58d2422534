import { defaultHealthRule } from '@parley/kpi';
import type { HealthRule } from '@parley/kpi';
import { findHealthSettings, saveHealthSettings } from '../storage/health-settings.ts';
import type { HealthSettings } from '../storage/health-settings.ts';
import type { SettingsDependencies, SettingsOwner } from './conversation-settings.ts';

/** By what a bot is judged: part by part what is said of it, else of all bots, else the default. */
export function healthRuleOf(settings: readonly HealthSettings[], botId: string): HealthRule {
  const own = settings.find((one) => one.botId === botId);
  const usual = settings.find((one) => one.botId === '');
  const partOf = (part: keyof HealthRule): number => own?.[part] ?? usual?.[part] ?? defaultHealthRule[part];
  return {
    successTarget: partOf('successTarget'),
    latencyTarget: partOf('latencyTarget'),
    latencyThresholdMs: partOf('latencyThresholdMs'),
    minSampleSize: partOf('minSampleSize'),
  };
}

/** What a tenant has said, in the order of bots. */
export function currentHealthSettings(
  { db }: Pick<SettingsDependencies, 'db'>,
  owner: SettingsOwner,
): Promise<readonly HealthSettings[]> {
  return db.withTenant(owner.tenantId, (tx) => findHealthSettings(tx, owner));
}

/** Changes what a tenant says of a bot, or of all, at once. Gives the rule that holds then. */
export function changeHealthSettings(
  { db }: Pick<SettingsDependencies, 'db'>,
  owner: SettingsOwner,
  settings: HealthSettings,
): Promise<HealthRule> {
  return db.withTenant(owner.tenantId, async (tx) => {
    await saveHealthSettings(tx, owner, settings);
    return healthRuleOf(await findHealthSettings(tx, owner), settings.botId);
  });
}
