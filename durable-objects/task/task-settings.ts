/** The JSON documents of a task. */
import { StoredForm } from '../../src/core/stored-form.ts'
import type { TaskAssignment } from '../../src/core/streams/task-api.ts'
import type { ShownError } from '../../src/core/streams/turn-row.ts'

/**
 * The producer of a task. The id is random and is stored before anything is sent: one that was used before would make a
 * log take new batches for old ones.
 */
interface StoredProducer {
  readonly producerId: string
}

/** The error at which a task stopped; it stays until the application is resumed. */
interface StoredFailure {
  readonly error: ShownError
  /** The version of the assignment that failed. A later one runs again. */
  readonly version: number
}

/** Form 2 may have a cut, and outputs that are muted: an earlier release would write what another task writes. */
const ASSIGNMENT = new StoredForm<TaskAssignment>('the assignment of a task', [
  (assignment: TaskAssignment) => assignment,
])
const PRODUCER = new StoredForm<StoredProducer>('the producer of a task')
const FAILURE = new StoredForm<StoredFailure>('the failure of a task')

export class TaskSettings {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  get assignment(): TaskAssignment | undefined {
    return this.#read('assignment', ASSIGNMENT)
  }

  set assignment(assignment: TaskAssignment) {
    this.#write('assignment', ASSIGNMENT.encode(assignment))
  }

  get producerId(): bigint | undefined {
    const stored = this.#read('producer', PRODUCER)
    return stored === undefined ? undefined : BigInt(stored.producerId)
  }

  set producerId(producerId: bigint) {
    this.#write('producer', PRODUCER.encode({ producerId: String(producerId) }))
  }

  get failure(): StoredFailure | undefined {
    return this.#read('failure', FAILURE)
  }

  set failure(failure: StoredFailure) {
    this.#write('failure', FAILURE.encode(failure))
  }

  clearFailure(): void {
    this.#sql.exec(`DELETE FROM setting WHERE key = 'failure'`)
  }

  #read<T extends object>(key: string, form: StoredForm<T>): T | undefined {
    const [row] = this.#sql
      .exec<{ value: string }>('SELECT value FROM setting WHERE key = ?', key)
      .toArray()
    return row === undefined ? undefined : form.decode(row.value)
  }

  #write(key: string, value: string): void {
    this.#sql.exec(
      `INSERT INTO setting (key, value) VALUES (?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      key,
      value,
    )
  }
}
