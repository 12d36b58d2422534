/**
 * The standard normal quantile: the z with P(Z <= z) = p, for p in (0, 1), to about 16 digits in the middle and in the
 * tails alike. Throws RangeError for any other p.
 *
 * M. J. Wichura, Algorithm AS 241, PPND16: The Percentage Points of the Normal Distribution. Applied Statistics 37
 * (1988) 477-484. The coefficients are his, rounded to double precision.
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`A probability must lie between 0 and 1; this is ${p}.`);
  const fromMiddle = p - 0.5;
  if (Math.abs(fromMiddle) <= 0.425) {
    return fromMiddle * ratio(middle, 0.180625 - fromMiddle * fromMiddle);
  }
  const r = Math.sqrt(-Math.log(Math.min(p, 1 - p)));
  const z = r <= 5 ? ratio(tail, r - 1.6) : ratio(farTail, r - 5);
  return fromMiddle < 0 ? -z : z;
}

/**
 * The probability that a standard normal variable lies at least as far from 0 as `z`, on either side: erfc(|z|/sqrt 2),
 * to about 14 digits, in the tails too.
 *
 * Below 2 by Abramowitz and Stegun 26.2.11 (a series), above by 26.2.14 (a continued fraction, from its end).
 */
export function normalTwoSidedTail(z: number): number {
  const x = Math.abs(z);
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let odd = 3; term > sum * 1e-17; odd += 2) {
      term *= (x * x) / odd;
      sum += term;
    }
    return 1 - 2 * density * sum;
  }
  let fraction = x;
  for (let level = 200; level > 0; level -= 1) fraction = x + level / fraction;
  return (2 * density) / fraction;
}

/** A ratio of two polynomials, the coefficients of the lowest powers first. */
interface Ratio {
  readonly numerator: readonly number[];
  readonly denominator: readonly number[];
}

const middle: Ratio = {
  numerator: [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
    67265.7709270087, 33430.57558358813, 2509.0809287301227,
  ],
  denominator: [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852546,
  ],
};

const tail: Ratio = {
  numerator: [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  denominator: [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
};

const farTail: Ratio = {
  numerator: [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
  ],
  denominator: [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
    0.000018463183175100548, 1.421511758316446e-7, 2.0442631033899397e-15,
  ],
};

function ratio({ numerator, denominator }: Ratio, x: number): number {
  return polynomial(numerator, x) / polynomial(denominator, x);
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}
