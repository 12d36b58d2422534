/** What the traffic was made to show, so that whoever analyses it can be judged by what they find. */
export const planted = {
  bots: ['shop', 'concierge', 'support', 'billing'],
  /** Brings in the most revenue for each interaction, by far. */
  profitableIntent: 'gift_subscription',
  /** Nearly every message that holds it is negative, and every third such conversation ends with a human. */
  upsettingPhrase: 'charged twice',
  /** A reply that holds it turns most upset members around; other replies rarely do. */
  calmingPhrase: 'on its way back to you',
  /** Takes more than 2,000 ms to answer on average, and fails the most; the others take less than 1,000 ms. */
  slowBot: 'billing',
  /** Members of this segment buy `eagerness` times as often as the others. */
  eagerSegment: 'paid_subscriber',
  eagerness: 3,
  /** A Saturday or Sunday, in UTC, has this share of the conversations of another day. */
  weekendShare: 0.55,
  /** The hour of the day, in UTC, in which the most conversations begin. */
  busiestHour: 19,
  /** The share of the interactions whose answer comes as a completion. */
  twoPhaseShare: 0.3,
} as const;
