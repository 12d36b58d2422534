/** Which conversions or ratings are of an interaction, all by their places. */
export interface Links {
  add(interaction: string, place: string): void;
  /** Those that are of this one. */
  find(interaction: string): Iterable<string>;
}

export function createLinks(): Links {
  const places = new Map<string, Set<string>>();
  return {
    add(interaction, place) {
      const linked = places.get(interaction);
      if (linked === undefined) places.set(interaction, new Set([place]));
      else linked.add(place);
    },
    find: (interaction) => places.get(interaction) ?? [],
  };
}
