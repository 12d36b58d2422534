import type { Comparison } from './comparison.ts';
import { meanOf, varianceOf } from './moments.ts';
import type { Moments } from './moments.ts';
import { studentTwoSidedQuantile, studentTwoSidedTail } from './student-t.ts';

/**
 * The difference of the means of `a` and `b`, each of at least two values, whatever their variances. Where neither varies
 * the difference is certain. Throws RangeError for fewer values.
 *
 * B. L. Welch, The generalization of "Student's" problem when several different population variances are involved.
 * Biometrika 34 (1947) 28-35; degrees of freedom by F. E. Satterthwaite, Biometrics Bulletin 2 (1946) 110-114.
 */
export function welchTest(a: Moments, b: Moments, level = 0.95): Comparison {
  if (!(a.count >= 2 && b.count >= 2)) throw new RangeError('A variance needs two values.');
  const difference = meanOf(a) - meanOf(b);
  const [ofA, ofB] = [varianceOf(a) / a.count, varianceOf(b) / b.count];
  const variance = ofA + ofB;
  if (variance === 0) {
    return {
      difference,
      interval: { lower: difference, upper: difference, level },
      pValue: difference === 0 ? 1 : 0,
    };
  }
  const freedom = (variance * variance) / (ofA ** 2 / (a.count - 1) + ofB ** 2 / (b.count - 1));
  const error = Math.sqrt(variance);
  const half = studentTwoSidedQuantile(1 - level, freedom) * error;
  return {
    difference,
    interval: { lower: difference - half, upper: difference + half, level },
    pValue: studentTwoSidedTail(difference / error, freedom),
  };
}
