/**
 * Client quotas: one row per entity that has any.
 *
 *   quotas   {"formVersion":1,"values":{"producer_byte_rate":1000}}
 */
import { EdgelogError } from '../../src/core/errors.ts'
import { CLIENT_QUOTAS_MAX } from '../../src/core/limits.ts'
import {
  type ClientQuota,
  changedQuotas,
  type QuotaAlteration,
  type QuotaEntity,
  type QuotaValues,
  quotaEntityKey,
} from '../../src/core/quota/client-quota.ts'
import { matchesQuotaFilter, type QuotaFilter } from '../../src/core/quota/quota-filter.ts'
import { StoredForm } from '../../src/core/stored-form.ts'

const QUOTAS = new StoredForm<{ readonly values: QuotaValues }>('client quotas')

type QuotaRow = { entity: string; quotas: string }

export class QuotaTable {
  readonly #sql: SqlStorage
  /** Number of entities; read from the table once, because one request may add thousands. */
  #count: number | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  list(filter: QuotaFilter): readonly ClientQuota[] {
    return this.#sql
      .exec<QuotaRow>('SELECT * FROM client_quota ORDER BY entity')
      .toArray()
      .map((row) => ({
        entity: decodeEntity(row.entity),
        values: QUOTAS.decode(row.quotas).values,
      }))
      .filter(({ entity }) => matchesQuotaFilter(entity, filter))
  }

  /** @throws {EdgelogError} `policy_violation` when the limit of entities with quotas is reached. */
  alter({ entity, change }: QuotaAlteration, validateOnly: boolean): void {
    const key = quotaEntityKey(entity)
    const [row] = this.#sql
      .exec<QuotaRow>('SELECT * FROM client_quota WHERE entity = ?', key)
      .toArray()
    const values = changedQuotas(row === undefined ? {} : QUOTAS.decode(row.quotas).values, change)
    const after = values === null ? undefined : QUOTAS.encode({ values })
    if (after === row?.quotas) return
    if (row === undefined) this.#checkRoom()
    if (validateOnly) return
    if (row === undefined) this.#count = this.#countAll() + 1
    if (after === undefined) this.#count = this.#countAll() - 1
    this.#write(key, after)
  }

  #write(key: string, quotas: string | undefined): void {
    if (quotas === undefined) {
      this.#sql.exec('DELETE FROM client_quota WHERE entity = ?', key)
      return
    }
    this.#sql.exec(
      `INSERT INTO client_quota (entity, quotas) VALUES (?, ?)
       ON CONFLICT (entity) DO UPDATE SET quotas = excluded.quotas`,
      key,
      quotas,
    )
  }

  #countAll(): number {
    this.#count ??= this.#sql
      .exec<{ entities: number }>('SELECT COUNT(*) AS entities FROM client_quota')
      .one().entities
    return this.#count
  }

  #checkRoom(): void {
    if (this.#countAll() < CLIENT_QUOTAS_MAX) return
    const why = `entity: at most ${CLIENT_QUOTAS_MAX} entities may have quotas`
    throw new EdgelogError('policy_violation', why)
  }
}

function decodeEntity(key: string): QuotaEntity {
  return Object.fromEntries(JSON.parse(key) as Array<[string, string | null]>)
}
