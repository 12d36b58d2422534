import { defaultHealthRule } from '@parley/kpi';
import type { HealthRule } from '@parley/kpi';
import type { HealthSettings } from '../storage/health-settings.ts';

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
