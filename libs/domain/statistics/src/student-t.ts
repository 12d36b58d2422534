/** Above so many degrees of freedom the distribution is taken for that with so many: it differs by less than 1e-6. */
const maxFreedom = 1e6;

/**
 * The probability that Student's t with so many degrees of freedom, above 0 and not necessarily whole, lies at least as
 * far from 0 as `t`, on either side: the regularized incomplete beta function (Abramowitz and Stegun 26.7.1 and 26.5.27).
 */
export function studentTwoSidedTail(t: number, freedom: number): number {
  if (!(freedom > 0)) throw new RangeError(`There can't be ${freedom} degrees of freedom.`);
  const df = Math.min(freedom, maxFreedom);
  return incompleteBeta(df / (df + t * t), df / 2, 0.5);
}

/** The t that Student's t with so many degrees of freedom is beyond, on either side, with the probability `tail`. */
export function studentTwoSidedQuantile(tail: number, freedom: number): number {
  if (!(tail > 0 && tail < 1))
    throw new RangeError(`A probability must lie between 0 and 1; this is ${tail}.`);
  let [low, high] = [0, 1];
  while (studentTwoSidedTail(high, freedom) > tail) [low, high] = [high, high * 2];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (studentTwoSidedTail(middle, freedom) > tail) low = middle;
    else high = middle;
  }
}

/** The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast on this side of its mean alone.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return (front / a) * betaFraction(x, a, b);
}

/** By Lentz's method as modified by Thompson and Barnett (J. Comput. Phys. 64, 1986, 490-509). */
function betaFraction(x: number, a: number, b: number): number {
  const away = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 10_000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return fraction;
}

/** The logarithm of the gamma function above 0, by Stirling's series (Abramowitz and Stegun 6.1.41) from 16 on. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 16; z += 1) shift += Math.log(z);
  const inverse = 1 / z;
  const square = inverse * inverse;
  const series =
    inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))));
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
}
