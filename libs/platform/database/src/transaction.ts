import { TypeOverrides, types } from 'pg';
import type { CustomTypesConfig, PoolClient } from 'pg';

/** SQL text; with a name, the server keeps its plan for the connection's next use of the same name. */
export type Statement = string | { readonly name: string; readonly text: string };

export interface Result<Row> {
  readonly rows: readonly Row[];
  /** Rows returned, or changed by a statement that returns none. */
  readonly rowCount: number;
}

/** A transaction in progress; of no use once its callback has ended. */
export interface Transaction {
  /**
   * Runs one statement. int8 comes as bigint, timestamptz as Date, numeric and date as string, bytea as Buffer.
   * `Row` is what the caller knows of the columns; nothing checks it.
   */
  query<Row extends object = Record<string, unknown>>(
    statement: Statement,
    parameters?: readonly unknown[],
  ): Promise<Result<Row>>;
  /** The connection itself, for `copyIn`; its own `query` parses int8 and times as text. */
  readonly client: PoolClient;
}

/** Types by number; the driver's own names have no arrays. */
const INT8: number = 20;
const INT8_ARRAY: number = 1016;
const DATE: number = 1082;
const DATE_ARRAY: number = 1182;
const TEXT_ARRAY: number = 1009;

/** How values of our own statements are parsed, per statement, since MikroORM's on the same connections differ. */
export const VALUE_TYPES: CustomTypesConfig = valueTypes();

function valueTypes(): CustomTypesConfig {
  const result = new TypeOverrides();
  const parseArray: (text: string) => readonly (string | null)[] = types.getTypeParser(TEXT_ARRAY);
  result.setTypeParser(INT8, BigInt);
  result.setTypeParser(INT8_ARRAY, (text: string) =>
    parseArray(text).map((item) => (item === null ? null : BigInt(item))),
  );
  // A calendar day is no instant: the driver would make it midnight in this machine's zone.
  result.setTypeParser(DATE, String);
  result.setTypeParser(DATE_ARRAY, parseArray);
  return result;
}
