/** Selects the rows of a query from the records of a log. */
import { DecodeError } from '../../bytes/decode-error.ts'
import type { Source } from '../catalog/source.ts'
import { EvaluationError } from '../errors.ts'
import type { Language } from '../expressions/compile-context.ts'
import type { Row } from '../expressions/typed.ts'
import { type LogEntry, type ReadRow, recordReader, type SelectPlan } from './select-plan.ts'

export interface SelectedRow {
  readonly values: Row
  /** True: the table has no row with this key any more. Only the columns of the key have values. */
  readonly isTombstone?: boolean
}

/** Returns the function that selects the row of a record; undefined: it has none. */
export function rowSelector(
  source: Source,
  plan: SelectPlan,
  language: Language,
): (entry: LogEntry) => SelectedRow | undefined {
  const read = recordReader(source, language)
  const isTable = source.kind === 'TABLE'
  return (entry) => {
    // A table has no row without a key.
    if (isTable && entry.key === null) return undefined
    let found: ReadRow
    try {
      found = read(entry)
    } catch (error) {
      // Records that the formats do not have are left out, as by every query.
      if (error instanceof EvaluationError || error instanceof DecodeError) return undefined
      if (error instanceof SyntaxError || error instanceof TypeError) return undefined
      throw error
    }
    if (found.isTombstone) {
      if (!isTable) return undefined
      return { values: plan.selectKey(found.row), isTombstone: true }
    }
    const values = plan.select(found.row)
    return values === undefined ? undefined : { values }
  }
}
