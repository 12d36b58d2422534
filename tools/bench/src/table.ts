import type { Measurement } from './measurement.ts';

const columns = ['name', 'value', 'unit', 'limit', 'ratio', 'min–max', 'runs', 'against'] as const;

/** Figures for people: a line each, and below it what else was seen. */
export function toTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measured) => [
    measured.name,
    rounded(measured.value),
    measured.unit,
    rounded(measured.limit),
    rounded(measured.ratio),
    `${rounded(measured.ratio_min)}–${rounded(measured.ratio_max)}`,
    String(measured.runs),
    measured.limit_name,
  ]);
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const lines = rows.flatMap((row, index) => {
    const { cpu_us: cpu = {}, details = {} } = measurements[index] ?? {};
    const seen = [
      ...Object.entries(cpu).map(([name, value]) => `CPU ${name} ${rounded(value)} µs`),
      ...Object.entries(details).map(([name, value]) => `${name} ${rounded(value)}`),
    ];
    return seen.length === 0 ? [line(row)] : [line(row), `    ${seen.join(', ')}`];
  });
  return `${[line(columns), ...lines].join('\n')}\n\n`;
}

function rounded(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}
