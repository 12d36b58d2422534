import { DomainError } from '@parley/errors';

const digitsByCurrency = new Map<string, number>();

/** How many decimals the currency's minor unit has, by ISO 4217: 2 for USD, 0 for JPY, 3 for BHD. */
export function minorUnitDigits(currencyCode: string): number {
  const known = digitsByCurrency.get(currencyCode);
  if (known !== undefined) return known;
  if (!/^[A-Z]{3}$/.test(currencyCode)) {
    throw new DomainError(`${currencyCode} is not an ISO 4217 code in capitals.`, {
      kind: 'invalid-argument',
      reason: 'INVALID_CURRENCY',
    });
  }
  const digits =
    new Intl.NumberFormat('en', { style: 'currency', currency: currencyCode }).resolvedOptions()
      .maximumFractionDigits ?? 2;
  digitsByCurrency.set(currencyCode, digits);
  return digits;
}

/** The amount in minor units, rounded half away from zero where it is finer: 23.2 USD is 2320. */
export function toMinorUnits(amount: number, currencyCode: string): bigint {
  if (!Number.isFinite(amount) || Math.abs(amount) > 1e12) {
    throw new DomainError(`An amount must be a number of at most 10^12; this is ${amount}.`, {
      kind: 'invalid-argument',
      reason: 'INVALID_AMOUNT',
    });
  }
  const digits = minorUnitDigits(currencyCode);
  // By the decimal text that the number has, not by multiplying: 1.005 * 100 is 100.49999999999999.
  const [whole = '0', fraction = ''] = decimalText(Math.abs(amount)).split('.');
  const kept = BigInt(whole + fraction.slice(0, digits).padEnd(digits, '0'));
  const rounded = (fraction[digits] ?? '0') >= '5' ? kept + 1n : kept;
  return amount < 0 ? -rounded : rounded;
}

/** The amount as a decimal number: the guide's float. */
export function fromMinorUnits(minorUnits: bigint, currencyCode: string): number {
  return Number(minorUnits) / 10 ** minorUnitDigits(currencyCode);
}

/** Without exponent: 1e-7 is 0.0000001. */
function decimalText(amount: number): string {
  const text = String(amount);
  if (!text.includes('e')) return text;
  const [mantissa = '0', exponent = '0'] = text.split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  if (shift < 0) return `0.${'0'.repeat(-shift - whole.length)}${whole}${fraction}`;
  return whole + fraction.padEnd(shift, '0');
}
