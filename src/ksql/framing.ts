/** The forms in which the rows of a query are sent. */
import type { ResultRow, ResultRows } from '../broker/sql/result-rows.ts'
import { rowTexts } from '../core/sql/query/row-text.ts'
import { schemaText } from '../core/sql/query/select-plan.ts'
import { showType } from '../core/sql/types/sql-type.ts'
import type { ErrorBody } from './errors.ts'
import { DELIMITED, JSON_TYPE, KSQL_JSON } from './route.ts'

export type RowsEnd = 'limit' | 'end'

/** Each function returns the texts of elements. */
export interface Framing {
  readonly head: (result: ResultRows) => string
  /** Makes the function that writes rows; undefined: the form does not show such a row. */
  readonly rowWriter: (result: ResultRows) => (row: ResultRow) => string | undefined
  /** Returns the element behind the rows; undefined: there is none. */
  readonly end: (result: ResultRows, end: RowsEnd) => string | undefined
  readonly error: (error: ErrorBody) => string
  /** Lines, each an element, or an array of elements. */
  readonly isArray: boolean
  /** Sent while there are no rows, so that networks keep the connection. Clients of lines know none. */
  readonly ping: string
}

/** The form of `/query`: a JSON array with an element a line. */
const STREAMED_ROWS: Framing = {
  head: (result) => {
    const { queryId, columns, kind } = result
    const isTable = kind === 'pull-table'
    const shown = isTable ? columns : columns.map((column) => ({ ...column, isKey: false }))
    return JSON.stringify({ header: { queryId, schema: schemaText(shown) } })
  },
  rowWriter: ({ columns }) => {
    const textOf = rowTexts(columns)
    return ({ values, isTombstone }) =>
      `{"row":{"columns":${textOf(values)}${isTombstone === true ? ',"tombstone":true' : ''}}}`
  },
  end: ({ kind }, end) =>
    kind === 'pull-table'
      ? undefined
      : `{"finalMessage":"${end === 'limit' ? 'Limit Reached' : 'Query Completed'}"}`,
  error: (error) => JSON.stringify({ errorMessage: error }),
  isArray: true,
  ping: '\n',
}

/** The form of `/query-stream`: one line with the columns, then one with each row. It has no tombstones. */
const DELIMITED_ROWS: Framing = {
  head: ({ queryId, columns }) =>
    JSON.stringify({
      queryId,
      columnNames: columns.map(({ name }) => name),
      columnTypes: columns.map(({ type }) => showType(type)),
    }),
  rowWriter: ({ columns }) => {
    const textOf = rowTexts(columns)
    return ({ values, isTombstone }) => (isTombstone === true ? undefined : textOf(values))
  },
  end: () => undefined,
  error: (error) => JSON.stringify(error),
  isArray: false,
  ping: '',
}

export const FRAMINGS = {
  [DELIMITED]: DELIMITED_ROWS,
  [KSQL_JSON]: STREAMED_ROWS,
  [JSON_TYPE]: { ...DELIMITED_ROWS, isArray: true, ping: '\n' },
} satisfies Record<string, Framing>
