/** The push queries that this instance of the Worker serves, so that `/close-query` can end them. */
import { KsqlError, TOO_MANY_QUERIES } from './errors.ts'
import { OPEN_QUERIES_MAX } from './limits.ts'

export class OpenQueries {
  readonly #ends = new Map<string, () => void>()

  /** @throws {KsqlError} if there are too many. */
  refuseTooMany(statement: string): void {
    if (this.#ends.size < OPEN_QUERIES_MAX) return
    throw new KsqlError(
      TOO_MANY_QUERIES,
      `Not executing statement(s) '${statement}' as it would cause the number of active push queries to exceed the limit of ${OPEN_QUERIES_MAX}.`,
      statement,
    )
  }

  /** @param end Ends the query. */
  add(queryId: string, end: () => void): void {
    this.#ends.set(queryId, end)
  }

  remove(queryId: string): void {
    this.#ends.delete(queryId)
  }

  /** Ends a query. Returns false if this instance does not serve it. */
  close(queryId: string): boolean {
    const end = this.#ends.get(queryId)
    this.#ends.delete(queryId)
    end?.()
    return end !== undefined
  }
}
