/** The rows of a transaction coordinator: `schema.ts` lists its tables. */
import { StoredForm } from '../../src/core/stored-form.ts'
import type { OneShotRecord } from '../../src/core/transaction/one-shot.ts'
import type { TransactionRecord } from '../../src/core/transaction/transaction-record.ts'
import { hasTable, migrate } from '../migrate.ts'
import { TRANSACTION_SCHEMA } from './schema.ts'

/** The entry of a transactional id in the coordinator's list. Without a transaction it is to be removed from there. */
export interface Registration {
  readonly transactionalId: string
  /** Identifies one life of the id. */
  readonly incarnation: string
}

/** Progress of the object that has transactions of single calls. */
export interface OneShotProgress {
  /** All transactions that were begun before have ended at all their participants. */
  readonly endedBeforeMs: number
}

/** A record in JSON, which has no bigint. */
type Stored<T> = {
  readonly [Key in keyof T]: Exclude<T[Key], undefined> extends bigint
    ? string
    : Key extends 'replaced'
      ? Stored<T[Key]>
      : T[Key]
}

const FORMS = {
  registration: new StoredForm<Registration>('registration of a transactional id'),
  transaction: new StoredForm<Stored<TransactionRecord>>('transaction'),
  'one-shots': new StoredForm<OneShotProgress>('progress of transactions of single calls'),
}
const ONE_SHOT = new StoredForm<Stored<OneShotRecord>>('transaction of a single call')

type Setting = keyof typeof FORMS
type SettingOf<Key extends Setting> = ReturnType<(typeof FORMS)[Key]['decode']>

export class TransactionStore {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  #hasTables: boolean

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#sql = storage.sql
    this.#hasTables = hasTable(this.#sql, 'setting')
    if (this.#hasTables) migrate(storage, TRANSACTION_SCHEMA)
  }

  // -- a transactional id ------------------------------------------------------------------------

  readRegistration(): Registration | undefined {
    return this.#readSetting('registration')
  }

  writeRegistration(registration: Registration): void {
    this.#writeSetting('registration', registration)
  }

  readTransaction(): TransactionRecord | undefined {
    const stored = this.#readSetting('transaction')
    if (stored === undefined) return undefined
    const { producerId, nextProducerId, replaced, ...rest } = stored
    return {
      ...rest,
      producerId: BigInt(producerId),
      ...(nextProducerId !== undefined && { nextProducerId: BigInt(nextProducerId) }),
      ...(replaced !== undefined && {
        replaced: { ...replaced, producerId: BigInt(replaced.producerId) },
      }),
    }
  }

  writeTransaction(record: TransactionRecord): void {
    const { producerId, nextProducerId, replaced, ...rest } = record
    this.#writeSetting('transaction', {
      ...rest,
      producerId: String(producerId),
      ...(nextProducerId !== undefined && { nextProducerId: String(nextProducerId) }),
      ...(replaced !== undefined && {
        replaced: { ...replaced, producerId: String(replaced.producerId) },
      }),
    })
  }

  deleteTransaction(): void {
    if (this.#hasTables) this.#sql.exec("DELETE FROM setting WHERE key = 'transaction'")
  }

  /** Deletes all rows. Returns when they are gone. */
  async clear(): Promise<void> {
    this.#hasTables = false
    await this.#storage.deleteAll()
  }

  // -- transactions of single calls --------------------------------------------------------------

  readProgress(): OneShotProgress {
    return this.#readSetting('one-shots') ?? { endedBeforeMs: 0 }
  }

  writeProgress(progress: OneShotProgress): void {
    this.#writeSetting('one-shots', progress)
  }

  readOneShot(id: string): OneShotRecord | undefined {
    const [row] = this.#oneShots('WHERE id = ?', id)
    return row
  }

  readOneShotsFrom(createdAtMs: number): OneShotRecord[] {
    return this.#oneShots('WHERE created_at_ms >= ?', createdAtMs)
  }

  countOneShots(): number {
    if (!this.#hasTables) return 0
    return this.#sql.exec<{ count: number }>('SELECT COUNT(*) AS count FROM one_shot').one().count
  }

  writeOneShot(record: OneShotRecord): void {
    this.#createTables()
    const { producerId, ...rest } = record
    this.#sql.exec(
      `INSERT INTO one_shot (id, created_at_ms, value) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET value = excluded.value`,
      record.id,
      record.createdAtMs,
      ONE_SHOT.encode({ ...rest, producerId: String(producerId) }),
    )
  }

  deleteOneShotsBefore(createdAtMs: number): void {
    if (this.#hasTables) this.#sql.exec('DELETE FROM one_shot WHERE created_at_ms < ?', createdAtMs)
  }

  #oneShots(condition: string, ...bindings: Array<string | number>): OneShotRecord[] {
    if (!this.#hasTables) return []
    const query = `SELECT value FROM one_shot ${condition}`
    return this.#sql
      .exec<{ value: string }>(query, ...bindings)
      .toArray()
      .map(({ value }) => {
        const { producerId, ...rest } = ONE_SHOT.decode(value)
        return { ...rest, producerId: BigInt(producerId) }
      })
  }

  // -- settings ----------------------------------------------------------------------------------

  #createTables(): void {
    if (this.#hasTables) return
    migrate(this.#storage, TRANSACTION_SCHEMA)
    this.#hasTables = true
  }

  #readSetting<Key extends Setting>(key: Key): SettingOf<Key> | undefined {
    if (!this.#hasTables) return undefined
    const [row] = this.#sql
      .exec<{ value: string }>('SELECT value FROM setting WHERE key = ?', key)
      .toArray()
    return row === undefined ? undefined : (FORMS[key].decode(row.value) as SettingOf<Key>)
  }

  #writeSetting<Key extends Setting>(key: Key, value: SettingOf<Key>): void {
    this.#createTables()
    const form = FORMS[key] as StoredForm<SettingOf<Key>>
    this.#sql.exec(
      'INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      form.encode(value),
    )
  }
}
