import type { DemoLine } from '@parley/demo';

/** Traffic in which one member and its words can be told from all others. */
export interface PlantedMember {
  readonly lines: readonly DemoLine[];
  /** Of the lines, those that go with the member. */
  readonly own: ReadonlySet<DemoLine>;
  /** What must be found nowhere once it is erased: its id, its user's, and its words. */
  readonly traces: readonly string[];
}

/** Gives the member with most interactions ids and words of its own, which hold `mark`. */
export function plantMember(lines: readonly DemoLine[], mark: string): PlantedMember {
  const counts = new Map<string, number>();
  for (const line of lines) {
    if (line.type !== 'interaction' || line.member_id === undefined) continue;
    counts.set(line.member_id, (counts.get(line.member_id) ?? 0) + 1);
  }
  const [chosen] = [...counts].sort(([, one], [, other]) => other - one)[0] ?? [];
  if (chosen === undefined) throw new Error('There is no member.');
  const memberId = `member ${mark}`;
  const userId = `user ${mark}`;
  const words = `words ${mark}`;
  const users = new Set(
    lines.flatMap((line) => (line.type === 'member' && line.member_id === chosen ? [line.user_id] : [])),
  );
  const interactions = new Set(
    lines.flatMap((line) => (line.type === 'interaction' && line.member_id === chosen ? [line.id] : [])),
  );
  const conversions = new Set(
    lines.flatMap((line) =>
      line.type === 'conversion' && (interactions.has(line.interaction_id) || line.member_id === chosen)
        ? [line.id]
        : [],
    ),
  );
  const own = new Set<DemoLine>();
  const planted = lines.map((line): DemoLine => {
    const marked = markedLine();
    if (marked === undefined) return line;
    own.add(marked);
    return marked;

    function markedLine(): DemoLine | undefined {
      switch (line.type) {
        case 'interaction':
          return line.member_id === chosen
            ? { ...line, member_id: memberId, message_text: words, response_text: words }
            : undefined;
        case 'completion':
          return interactions.has(line.interaction_id) ? { ...line, response_text: words } : undefined;
        case 'conversion':
          return conversions.has(line.id)
            ? {
                ...line,
                ...(line.member_id && { member_id: memberId }),
                trigger_message: words,
                bot_message: words,
              }
            : undefined;
        case 'refund':
          return conversions.has(line.conversion_id) ? { ...line, reason: words } : undefined;
        case 'feedback':
          return interactions.has(line.interaction_id) || line.member_id === chosen
            ? { ...line, ...(line.member_id && { member_id: memberId }) }
            : undefined;
        case 'handoff':
          return interactions.has(line.interaction_id) || line.member_id === chosen
            ? { ...line, ...(line.member_id && { member_id: memberId }), reason: words }
            : undefined;
        case 'member':
          if (line.member_id === chosen) return { ...line, member_id: memberId, user_id: userId };
          return undefined;
        case 'user':
          return users.has(line.user_id) ? { ...line, user_id: userId } : undefined;
      }
    }
  });
  return { lines: planted, own, traces: [memberId, userId, words] };
}
