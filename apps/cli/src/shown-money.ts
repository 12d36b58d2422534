import { fromMinorUnits, minorUnitDigits } from '@parley/event';

/**
 * An amount in units of a currency as people read it: `568,704.00 USD`, `1,200 JPY`. What is less than one unit has two
 * decimals more, since what a message earns is often a part of a cent.
 */
export function shownMoney(amount: number, currencyCode: string): string {
  const digits = minorUnitDigits(currencyCode);
  const isSmall = amount !== 0 && Math.abs(amount) < 1;
  const text = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: isSmall ? digits + 2 : digits,
  }).format(amount);
  return `${text} ${currencyCode}`;
}

/** The same of an amount in minor units. */
export function shownMinorUnits(minorUnits: bigint, currencyCode: string): string {
  return shownMoney(fromMinorUnits(minorUnits, currencyCode), currencyCode);
}
