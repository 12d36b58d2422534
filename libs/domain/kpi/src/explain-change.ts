/** A figure's parts in one combination of dimensions' values. */
export interface FigureParts {
  readonly numerator: number;
  /** 0 or more. */
  readonly denominator: number;
}

/** One combination of values, now and before; where it did not occur both are 0. */
export interface Segment {
  /** Its values, by up to three dimensions. */
  readonly values: readonly string[];
  readonly now: FigureParts;
  readonly before: FigureParts;
}

/** What one combination brought to the change. */
export interface ChangePart extends Segment {
  /** Its share of the denominator. */
  readonly shareNow: number;
  readonly shareBefore: number;
  /** What came from its share's change: more of what is above the average raises the figure. */
  readonly mix: number;
  /** What came from its own figure's change. */
  readonly rate: number;
}

/** A change and its parts. */
export interface ExplainedChange {
  /** The figure less what it was, to the last digit or so; 0 where it has no data now or had none. */
  readonly change: number;
  /** The parts that brought most, up or down, first. Added up in this order, each `mix + rate`, they are the change exactly. */
  readonly parts: readonly ChangePart[];
}

/** What the rest is called. */
export const otherSegment = 'other';

/**
 * Splits the change of a rate or mean into parts: mix and rate of each segment, each weighed by the mean of now and before
 * (as in L. H. Marshall and F. Y. Edgeworth's index), the mix against the mean of the whole, so that growing where the
 * figure is average brings nothing. Of a segment that is new or gone all is mix.
 *
 * sum(s1 r1 - s0 r0) = sum((s1 - s0) (r - c) + (r1 - r0) s), with r and s the means of now and before and any c, since the
 * shares add up to 1 both times. What a segment without a denominator adds to the numerator, such as purchases of which the
 * bot is not known, is rate. The first part takes what rounding leaves; the change is then what the parts add up to,
 * which differs from the figures' difference in the last digit at most, since no doubles may add up to a small difference
 * of large parts.
 * @param maxParts more of them are summed up in a last one named `other`.
 */
export function explainChange(segments: readonly Segment[], maxParts: number): ExplainedChange {
  const now = sumOf(segments.map((segment) => segment.now));
  const before = sumOf(segments.map((segment) => segment.before));
  if (now.denominator === 0 || before.denominator === 0) return { change: 0, parts: [] };
  const change = now.numerator / now.denominator - before.numerator / before.denominator;
  const average = (now.numerator / now.denominator + before.numerator / before.denominator) / 2;

  const toPart = (segment: Segment): ChangePart => {
    const [shareNow, shareBefore] = [
      segment.now.denominator / now.denominator,
      segment.before.denominator / before.denominator,
    ];
    const rateNow = rateOf(segment.now) ?? rateOf(segment.before) ?? 0;
    const rateBefore = rateOf(segment.before) ?? rateNow;
    return {
      ...segment,
      shareNow,
      shareBefore,
      mix: (shareNow - shareBefore) * ((rateNow + rateBefore) / 2 - average),
      rate:
        (rateNow - rateBefore) * ((shareNow + shareBefore) / 2) +
        strayOf(segment.now, now) -
        strayOf(segment.before, before),
    };
  };
  const ranked = segments
    .map(toPart)
    .sort((one, other) => sizeOf(other) - sizeOf(one) || compareValues(one.values, other.values));
  if (ranked.length <= maxParts) return settled(ranked, change);
  const kept = ranked.slice(0, Math.max(maxParts - 1, 0));
  return settled([...kept, summedUp(ranked.slice(kept.length))], change);
}

/** The parts, the first one with what rounding had left over, and what they add up to. */
function settled(parts: readonly ChangePart[], change: number): ExplainedChange {
  const [first, ...rest] = parts;
  if (first === undefined) return { change, parts };
  const exact = [{ ...first, mix: first.mix + (change - total(parts)) }, ...rest];
  return { change: total(exact), parts: exact };
}

function total(parts: readonly ChangePart[]): number {
  return parts.reduce((sum, { mix, rate }) => sum + (mix + rate), 0);
}

function summedUp(parts: readonly ChangePart[]): ChangePart {
  const add = (pick: (part: ChangePart) => number): number =>
    parts.reduce((sum, part) => sum + pick(part), 0);
  return {
    values: [otherSegment],
    now: sumOf(parts.map((part) => part.now)),
    before: sumOf(parts.map((part) => part.before)),
    shareNow: add(({ shareNow }) => shareNow),
    shareBefore: add(({ shareBefore }) => shareBefore),
    mix: add(({ mix }) => mix),
    rate: add(({ rate }) => rate),
  };
}

function sumOf(parts: readonly FigureParts[]): FigureParts {
  return {
    numerator: parts.reduce((sum, { numerator }) => sum + numerator, 0),
    denominator: parts.reduce((sum, { denominator }) => sum + denominator, 0),
  };
}

function rateOf({ numerator, denominator }: FigureParts): number | undefined {
  return denominator > 0 ? numerator / denominator : undefined;
}

/** What a segment without a share brings to the figure all the same. */
function strayOf({ numerator, denominator }: FigureParts, whole: FigureParts): number {
  return denominator === 0 ? numerator / whole.denominator : 0;
}

function sizeOf({ mix, rate }: ChangePart): number {
  return Math.abs(mix + rate);
}

/** In the order of their letters, so that the answer is always the same. */
function compareValues(one: readonly string[], other: readonly string[]): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return a < b ? -1 : Number(a > b);
}
