/** Statements of SQL. */
import { CLUSTER } from '../../core/access/resource.ts'
import type { StatementResult } from '../../core/sql/statements/statement-results.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { openInserts, type RowInserter } from './insert-rows.ts'
import { waitForSequence } from './read-catalog.ts'
import type { ResultRows } from './result-rows.ts'
import { openQuery, runStatements, type StatementRequest } from './run-statements.ts'

export class StatementOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /**
   * Runs statements one after the other. Needs `describe` on the cluster to read the catalog; a statement that changes
   * it needs `create` on the cluster, and the rights on topics and groups that its effects need.
   *
   * @throws {EdgelogError} `invalid_statement` and others, with the statement, its place and earlier results in
   * `details`.
   */
  run(request: StatementRequest): Promise<readonly StatementResult[]> {
    return this.#access.guard('describe', CLUSTER, () =>
      runStatements(this.#cluster, this.#access, request),
    )
  }

  /**
   * Begins the query of a request that has one SELECT or PRINT alone; undefined for other requests. Needs `describe` on
   * the cluster, and `read` on the topic, or on the group of the application that has the table.
   */
  openQuery(request: StatementRequest, signal: AbortSignal): Promise<ResultRows | undefined> {
    return this.#access.guard('describe', CLUSTER, () =>
      openQuery(this.#cluster, this.#access, request, signal),
    )
  }
  /** Returns whether the catalog has a statement by its number; waits for it. Needs `describe` on the cluster. */
  hasSequence(sequence: number, maxWaitMs: number): Promise<boolean> {
    return this.#access.guard('describe', CLUSTER, () =>
      waitForSequence(this.#cluster, sequence, maxWaitMs),
    )
  }

  /** Begins to insert rows into a source. Needs `describe` on the cluster, and `write` on the topic. */
  openInserts(target: string): Promise<RowInserter> {
    return this.#access.guard('describe', CLUSTER, () =>
      openInserts(this.#cluster, this.#access, target),
    )
  }
}
