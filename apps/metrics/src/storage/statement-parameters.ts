/** The parameters of a statement that is put together of parts. */
export interface StatementParameters {
  /** In the order of their numbers. */
  readonly values: readonly unknown[];
  /** What stands for a value in the text, such as `$3::text`. The same value of the same type is one parameter. */
  of(value: unknown, type: string): string;
}

export function createStatementParameters(): StatementParameters {
  const values: unknown[] = [];
  const types: string[] = [];
  return {
    values,
    of(value, type) {
      const known = values.findIndex((other, index) => other === value && types[index] === type);
      if (known >= 0) return `$${known + 1}::${type}`;
      types.push(type);
      return `$${values.push(value)}::${type}`;
    },
  };
}
