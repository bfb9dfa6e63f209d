/** The rows of a query that is read once, as they come. */
import type { ResultColumn } from '../../core/sql/query/select-plan.ts'
import type { SelectedRow } from '../../core/sql/query/select-row.ts'

export type ResultRow = SelectedRow

export interface ResultRows {
  readonly queryId: string
  readonly columns: readonly ResultColumn[]
  readonly kind: 'pull-table' | 'pull-stream' | 'push' | 'print'
  /** True: the rows have no end but that their reader leaves. */
  readonly isEndless: boolean
  /** Lists of rows. */
  readonly rows: AsyncGenerator<readonly ResultRow[], 'limit' | 'end'>
}

/** Passes rows on until there are as many as the limit allows. */
export async function* limited(
  rows: AsyncGenerator<readonly ResultRow[], void>,
  limit: number | undefined,
): AsyncGenerator<readonly ResultRow[], 'limit' | 'end'> {
  let left = limit ?? Number.POSITIVE_INFINITY
  if (left === 0) return 'limit'
  for await (const some of rows) {
    const kept = some.length > left ? some.slice(0, left) : some
    left -= kept.length
    if (kept.length > 0) yield kept
    if (left === 0) return 'limit'
  }
  return 'end'
}

/** Waits for the first rows. */
export async function withFirstRows(result: ResultRows): Promise<ResultRows> {
  const { rows } = result
  const first = await rows.next()
  const all = async function* (): ResultRows['rows'] {
    if (first.done === true) return first.value
    yield first.value
    return yield* rows
  }
  return { ...result, rows: all() }
}
