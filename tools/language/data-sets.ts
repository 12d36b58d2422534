import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A line of a data set. */
export interface LabelledText {
  readonly text: string;
  readonly label: string;
}

const folder = fileURLToPath(new URL('../../../shared/oracle/nlp/', import.meta.url));

/** Whether the data sets are beside the repository; they are no part of it. */
export function hasDataSets(): boolean {
  return existsSync(folder);
}

/** The lines of a data set. */
export function readDataSet(file: string): readonly LabelledText[] {
  return readFileSync(`${folder}${file}`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LabelledText);
}

/** Line numbers, from 0. */
export function readLineNumbers(file: string): readonly number[] {
  return JSON.parse(readFileSync(`${folder}${file}`, 'utf8')) as number[];
}
