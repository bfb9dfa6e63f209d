/**
 * The database of one client. Browsers may close it, refuse to open it, or clear it. A transaction on a
 * closed connection runs again on a new one, and a database with another client id is reported as lost.
 */
import {
  type DBSchema,
  deleteDB,
  type IDBPDatabase,
  type IDBPTransaction,
  openDB,
  type StoreNames,
} from 'idb'
import { EdgelogError } from '../../../src/core/errors.ts'
import type { Clock, Timer } from '../../clock.ts'
import { randomProducerId } from '../../producer-id.ts'
import { BLOCKED_OPEN_MS, STORAGE_ATTEMPTS_MAX } from '../limits.ts'
import {
  type BatchRow,
  type CopyKey,
  type CursorRow,
  type FollowRow,
  type HopRow,
  type OutboxRow,
  type ParkedRow,
  type ProducerRow,
  SCHEMA_VERSION,
  type StreamsKey,
  type TableRow,
  type TableState,
  type TopicRow,
} from './schema.ts'

interface EdgelogSchema extends DBSchema {
  meta: { key: string; value: string | number }
  topics: { key: string; value: TopicRow }
  follows: { key: string; value: FollowRow }
  producers: { key: [string, number]; value: ProducerRow }
  outbox: { key: [string, number, number]; value: OutboxRow }
  parked: { key: number; value: ParkedRow }
  batches: { key: [string, number, number]; value: BatchRow }
  cursors: { key: [string, number]; value: CursorRow }
  tables: { key: string; value: TableState }
  tableRows: {
    key: [CopyKey, BufferSource]
    value: TableRow
    indexes: { offset: [CopyKey, number] }
  }
  streams: { key: StreamsKey; value: string | Uint8Array<ArrayBuffer> | HopRow }
}

export type Store = StoreNames<EdgelogSchema>
export type Transaction<Mode extends IDBTransactionMode = 'readwrite'> = IDBPTransaction<
  EdgelogSchema,
  Store[],
  Mode
>

export interface DatabaseEvents {
  /** The client id has changed: all stored data is gone. */
  lost(): void
  /** Another tab runs a newer version and waits for this one to close the database. */
  outdated(): void
  /** Another tab deletes it. */
  deleted(): void
  /** An older tab does not close it. */
  blocked(): void
  /** It cannot be opened now, and in WebKit perhaps never again by this page. */
  failed(): void
}

const KEYS: Readonly<Record<Store, string | string[] | null>> = {
  meta: null,
  topics: 'topic',
  follows: 'topic',
  producers: ['topic', 'partition'],
  outbox: ['topic', 'partition', 'position'],
  parked: 'id',
  batches: ['topic', 'partition', 'baseOffset'],
  cursors: ['topic', 'partition'],
  tables: 'topic',
  tableRows: ['copy', 'key'],
  streams: null,
}

export class Database {
  readonly name: string
  readonly #clock: Clock
  readonly #events: DatabaseEvents
  #opening: Promise<IDBPDatabase<EdgelogSchema>> | undefined
  #clientId: string | undefined
  #isClosed = false
  /** True after a newer version has opened it: reading is allowed, writing is not. */
  #isOutdated = false

  constructor(name: string, clock: Clock, events: DatabaseEvents) {
    this.name = name
    this.#clock = clock
    this.#events = events
  }

  /**
   * Runs one transaction and resolves when it is stored. `work` may await
   * only requests of the transaction; an error in it aborts the transaction.
   *
   * @throws {EdgelogError} `storage_full`, `storage_failed`; the error of `work`
   */
  async read<T>(stores: Store[], work: (tx: Transaction<'readonly'>) => Promise<T>): Promise<T> {
    return await this.#run((db) => db.transaction(stores, 'readonly'), work)
  }

  /** Like `read`, for changes. `isStrict`: resolves when they are flushed to disk. */
  async write<T>(
    stores: Store[],
    work: (tx: Transaction) => Promise<T>,
    isStrict = false,
  ): Promise<T> {
    const durability = isStrict ? 'strict' : 'relaxed'
    return await this.#run((db) => {
      if (this.#isOutdated)
        throw new EdgelogError('storage_failed', 'a newer version is in use: reload')
      return db.transaction(stores, 'readwrite', { durability })
    }, work)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const db = await this.#opening?.catch(() => undefined)
    db?.close()
  }

  /** Closes and deletes the database. */
  async destroy(): Promise<void> {
    await this.close()
    await deleteDB(this.name)
    globalThis.localStorage?.removeItem(this.name)
  }

  async #run<Mode extends IDBTransactionMode, T>(
    begin: (db: IDBPDatabase<EdgelogSchema>) => Transaction<Mode>,
    work: (tx: Transaction<Mode>) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const opening = this.#open()
      try {
        return await settle(begin(await opening), work)
      } catch (error) {
        // A transaction that was aborted with its connection has changed nothing.
        if (attempt === STORAGE_ATTEMPTS_MAX || !hasName(error, CUT_OFF)) throw storageError(error)
        if (this.#opening === opening) this.#opening = undefined
        void opening.then((db) => db.close(), ignore)
      }
    }
  }

  #open(): Promise<IDBPDatabase<EdgelogSchema>> {
    if (this.#isClosed) {
      return Promise.reject(new EdgelogError('invalid_request', 'the client is closed'))
    }
    this.#opening ??= this.#openAnew()
    return this.#opening
  }

  async #openAnew(): Promise<IDBPDatabase<EdgelogSchema>> {
    let timer: Timer
    const drop = () => {
      this.#opening = undefined
    }
    const open = (version?: number) =>
      openDB<EdgelogSchema>(this.name, version, {
        upgrade: (opened) => {
          for (const store of Object.keys(KEYS) as Store[]) {
            if (opened.objectStoreNames.contains(store)) continue
            const autoIncrement = store === 'parked'
            const made = opened.createObjectStore(store, { keyPath: KEYS[store], autoIncrement })
            if (store === 'tableRows') made.createIndex('offset' as never, ['copy', 'offset'])
          }
        },
        blocked: () => {
          timer = this.#clock.setTimeout(() => this.#events.blocked(), BLOCKED_OPEN_MS)
        },
        blocking: (_current, newVersion, event) => {
          ;(event.target as IDBDatabase).close()
          drop()
          if (newVersion === null) {
            this.#isClosed = true
            this.#events.deleted()
          } else this.#becomeOutdated()
        },
        terminated: drop,
      })
    try {
      const db = await open(SCHEMA_VERSION).catch((error: unknown) => {
        if (!hasName(error, /^Version/)) throw error
        this.#becomeOutdated()
        return open()
      })
      if (!this.#isOutdated) await this.#checkIdentity(db)
      return db
    } catch (error) {
      drop()
      this.#events.failed()
      throw error
    } finally {
      this.#clock.clearTimeout(timer)
    }
  }

  #becomeOutdated(): void {
    if (this.#isOutdated) return
    this.#isOutdated = true
    this.#events.outdated()
  }

  async #checkIdentity(db: IDBPDatabase<EdgelogSchema>): Promise<void> {
    const tx = db.transaction('meta', 'readwrite', { durability: 'strict' })
    const [clientId] = await Promise.all([this.#identify(tx.store), tx.done])
    const isOther = this.#clientId !== undefined && this.#clientId !== clientId
    this.#clientId = clientId
    if (isOther) this.#events.lost()
  }

  async #identify(meta: {
    get(key: string): Promise<string | number | undefined>
    put(value: string, key: string): Promise<unknown>
  }): Promise<string> {
    const known = await meta.get('clientId')
    if (known !== undefined) return String(known)
    const clientId = String(randomProducerId())
    await meta.put(clientId, 'clientId')
    return clientId
  }
}

/** Awaits the work and the transaction together: a request may stay pending when the browser aborts. */
async function settle<Mode extends IDBTransactionMode, T>(
  tx: Transaction<Mode>,
  work: (tx: Transaction<Mode>) => Promise<T>,
): Promise<T> {
  const working = work(tx).catch((error: unknown) => {
    try {
      tx.abort()
    } catch {
      // Already over; `done` rejects.
    }
    throw error
  })
  const [worked, done] = await Promise.allSettled([working, tx.done])
  // A failure at the end of a transaction, such as a full disk, is reported by `done` alone.
  const isAborted = worked.status === 'rejected' && hasName(worked.reason, ABORTED)
  if (!isAborted && worked.status === 'rejected') throw worked.reason
  if (done.status === 'rejected') throw done.reason
  if (worked.status === 'rejected') throw worked.reason
  return worked.value
}

/** Names of the errors of an aborted request, or of one made after its transaction. */
const ABORTED = /^(Abort|InvalidState|TransactionInactive)Error$/
/** Names of the errors of a connection that the browser has closed, before or during the transaction. */
const CUT_OFF = /^(Abort|InvalidState|Unknown)Error$/

function hasName(error: unknown, names: RegExp): boolean {
  return error instanceof DOMException && names.test(error.name)
}

function ignore(): void {}

function storageError(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error
  const code = error.name === 'QuotaExceededError' ? 'storage_full' : 'storage_failed'
  return new EdgelogError(code, `IndexedDB: ${error.message}`, { cause: error })
}
