/** The stored state of an application. */
import { StoredForm } from '../../src/core/stored-form.ts'
import type { ApplicationState } from '../../src/core/streams/application-state.ts'

/** Form 2 may have an upgrade. */
const APPLICATION = new StoredForm<ApplicationState>('an application', [
  (state: ApplicationState) => state,
])

export class ApplicationStore {
  readonly #sql: SqlStorage
  #state: ApplicationState | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
    const [row] = sql
      .exec<{ value: string }>(`SELECT value FROM setting WHERE key = 'application'`)
      .toArray()
    this.#state = row === undefined ? undefined : APPLICATION.decode(row.value)
  }

  get state(): ApplicationState | undefined {
    return this.#state
  }

  set state(state: ApplicationState) {
    this.#sql.exec(
      `INSERT INTO setting (key, value) VALUES ('application', ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      APPLICATION.encode(state),
    )
    this.#state = state
  }
}
