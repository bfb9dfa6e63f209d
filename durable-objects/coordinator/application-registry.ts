/** The list of applications of stream processing: one row each. Their state is in objects of their own. */
import { EdgelogError } from '../../src/core/errors.ts'
import { APPLICATIONS_MAX } from '../../src/core/streams/limits.ts'

export class ApplicationRegistry {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** @throws {EdgelogError} `policy_violation` for one too many. */
  register(name: string): void {
    const names = this.list()
    if (names.includes(name)) return
    if (names.length >= APPLICATIONS_MAX) {
      const why = `application ${name}: at most ${APPLICATIONS_MAX} applications are allowed`
      throw new EdgelogError('policy_violation', why)
    }
    this.#sql.exec('INSERT INTO application (name) VALUES (?)', name)
  }

  forget(name: string): void {
    this.#sql.exec('DELETE FROM application WHERE name = ?', name)
  }

  /** Returns the names in ascending order. */
  list(): string[] {
    return this.#sql
      .exec<{ name: string }>('SELECT name FROM application ORDER BY name')
      .toArray()
      .map(({ name }) => name)
  }
}
