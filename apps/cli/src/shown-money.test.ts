import { expect, test } from 'vitest';
import { shownMinorUnits, shownMoney } from './shown-money.ts';

test('money is shown in units with the decimals of its currency, parts of a unit with two more', () => {
  expect(shownMinorUnits(56_870_400n, 'USD')).toBe('568,704.00 USD');
  expect(shownMinorUnits(-1_200n, 'JPY')).toBe('-1,200 JPY');
  expect(shownMinorUnits(1_234_567n, 'BHD')).toBe('1,234.567 BHD');
  expect(shownMoney(0.00421, 'USD')).toBe('0.0042 USD');
  expect(shownMoney(0, 'USD')).toBe('0.00 USD');
});
