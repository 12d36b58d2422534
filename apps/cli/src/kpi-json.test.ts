import { create } from '@bufbuild/protobuf';
import { KpiUnit } from '@parley/contracts/parley/metrics/v1/kpi';
import { GetKpisResponseSchema } from '@parley/contracts/parley/metrics/v1/metrics_service';
import { expect, test } from 'vitest';
import { kpisJson } from './kpi-json.ts';

test('each group is printed by the names of its metrics, currencies by their codes, what is not served not at all', () => {
  const figure = (value: number, unit: KpiUnit) => ({ value, hasData: true, denominator: 1, unit });
  const response = create(GetKpisResponseSchema, {
    operational: { responseLatencyP50Ms: figure(120, KpiUnit.MILLISECONDS) },
    customerExperience: { nps: figure(30, KpiUnit.SCORE) },
    revenue: {
      revenue: figure(3_000, KpiUnit.MONEY),
      byCurrency: [
        {
          currencyCode: 'USD',
          grossMinorUnits: 3_900n,
          refundedMinorUnits: 900n,
          netMinorUnits: 3_000n,
          conversionCount: 2n,
          refundCount: 1n,
        },
      ],
    },
    audience: { dau: figure(4, KpiUnit.COUNT) },
  });
  const json = kpisJson(response);
  expect(json.operational).toMatchObject({ response_latency_p50_ms: { value: 120, unit: 'milliseconds' } });
  expect(json.customer_experience).toMatchObject({ nps: { unit: 'score' } });
  expect(json.revenue).toMatchObject({
    revenue: { value: 3_000, unit: 'money' },
    by_currency: {
      USD: {
        gross_minor_units: 3_900,
        refunded_minor_units: 900,
        net_minor_units: 3_000,
        conversion_count: 2,
        refund_count: 1,
      },
    },
  });
  expect(json.audience).toMatchObject({ dau: { value: 4, has_data: true } });
  expect(Object.keys(json.audience)).toEqual(['dau']);
});
