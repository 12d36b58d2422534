import type { Cell } from './figure-source.ts';

/** Cells while they are filled. */
export interface Cells<Content> {
  /** What a window and combination of values holds; made when it is asked for the first time. */
  at(position: number, values: readonly string[]): Content;
  list<Result>(resultOf: (content: Content) => Result): readonly Cell<Result>[];
}

/** @param windowCount how many windows have a cell in any case: where there are no dimensions. */
export function createCells<Content>(windowCount: number, create: () => Content): Cells<Content> {
  const cells = new Map<string, Cell<Content>>();
  const at = (position: number, values: readonly string[]): Content => {
    const key = JSON.stringify([position, ...values]);
    const known = cells.get(key);
    if (known !== undefined) return known.content;
    const content = create();
    cells.set(key, { position, values, content });
    return content;
  };
  for (let position = 0; position < windowCount; position += 1) at(position, []);
  return {
    at,
    list: (resultOf) => [...cells.values()].map((cell) => ({ ...cell, content: resultOf(cell.content) })),
  };
}
