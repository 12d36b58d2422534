import { invalidArgument } from '@parley/errors';
import { figures, findFigure } from '@parley/kpi';
import type { Figure } from '@parley/kpi';

/**
 * The figure of that name or definition id.
 * @param field where it stands in the request.
 * @throws DomainError `invalid-argument` with the names that are most alike, when there is none.
 */
export function parseFigure(nameOrId: string, field: string): Figure {
  const figure = findFigure(nameOrId);
  if (figure !== undefined) return figure;
  const description = `must be the name or definition id of a figure; like it are ${alike(nameOrId).join(', ')}`;
  throw invalidArgument([{ field, description, reason: 'UNKNOWN_FIGURE' }]);
}

/** The names with the fewest changes, of which each adds, removes or replaces a letter. */
function alike(nameOrId: string): readonly string[] {
  const asked = nameOrId.slice(nameOrId.indexOf('/') + 1).toLowerCase();
  return figures
    .map(({ meaning: { name } }) => ({ name, changes: changesBetween(asked, name) }))
    .sort((one, other) => one.changes - other.changes)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** V. I. Levenshtein's distance. */
function changesBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...one].entries()) {
    const next = [line + 1];
    for (const [index, wanted] of [...other].entries()) {
      const replaced = (row[index] ?? 0) + (letter === wanted ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
