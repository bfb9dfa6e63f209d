/** Loads the code of tables: at once if this browser has tables, otherwise with the first call on one. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { SyncStatus } from '../sync/sync.ts'
import type { Tables, TablesContext } from './tables.ts'

export class TableLoader {
  readonly #context: TablesContext
  #tables: Tables | undefined
  #isLeading = false

  constructor(context: TablesContext) {
    this.#context = context
    context.session.channel.listen('follows', () => void this.#refresh())
    // Before the network is lost: offline no code can be loaded.
    void this.#refresh()
  }

  /** State of the link of the tables; undefined without one. */
  get status(): SyncStatus | undefined {
    return this.#tables?.status
  }

  /** @throws {EdgelogError} `unavailable` if the code cannot be loaded, `invalid_request` after `close` */
  async load(): Promise<Tables> {
    const { session } = this.#context
    const { Tables } = await import('./tables.ts').catch((error: unknown) => {
      throw new EdgelogError('unavailable', `the client's code: ${String(error)}`)
    })
    session.checkOpen()
    if (this.#tables === undefined) {
      this.#tables = new Tables(this.#context)
      if (this.#isLeading) this.#tables.start()
    }
    return this.#tables
  }

  /** Starts following the tables. */
  start(): void {
    this.#isLeading = true
    this.#tables?.start()
    void this.#refresh()
  }

  stop(): void {
    this.#isLeading = false
    this.#tables?.stop()
  }

  tokenChanged(): void {
    this.#tables?.tokenChanged()
  }

  /** Drops the table of a topic, if there is one. */
  async drop(topic: string): Promise<void> {
    if (await this.#hasTables()) await (await this.load()).drop(topic)
  }

  async #refresh(): Promise<void> {
    const { session } = this.#context
    try {
      if (!(await this.#hasTables())) return
      const tables = await this.load()
      if (this.#isLeading) tables.changed()
    } catch (error) {
      if (!session.closed.aborted) session.failed(error)
    }
  }

  async #hasTables(): Promise<boolean> {
    const { database } = this.#context.session
    return (await database.read(['tables'], (tx) => tx.objectStore('tables').count())) > 0
  }
}
