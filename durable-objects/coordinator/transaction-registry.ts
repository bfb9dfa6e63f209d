/** The list of transactional ids: one row each. Their state is in the objects that coordinate them. */
import { EdgelogError } from '../../src/core/errors.ts'
import {
  TRANSACTIONAL_ID_CREATIONS_BURST,
  TRANSACTIONAL_ID_CREATIONS_PER_MINUTE,
  TRANSACTIONAL_IDS_MAX,
} from '../../src/core/limits.ts'
import { CreationRate } from './creation-rate.ts'

export class TransactionRegistry {
  readonly #sql: SqlStorage
  readonly #creations = new CreationRate({
    burst: TRANSACTIONAL_ID_CREATIONS_BURST,
    perMinute: TRANSACTIONAL_ID_CREATIONS_PER_MINUTE,
  })

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** @throws {EdgelogError} `policy_violation`, `throttled` for a new id. */
  register(transactionalId: string, incarnation: string, nowMs: number): void {
    const query = 'SELECT 1 FROM transactional_id WHERE transactional_id = ?'
    if (this.#sql.exec(query, transactionalId).toArray().length === 0) this.#admit(nowMs)
    this.#sql.exec(
      `INSERT INTO transactional_id (transactional_id, incarnation) VALUES (?, ?)
       ON CONFLICT (transactional_id) DO UPDATE SET incarnation = excluded.incarnation`,
      transactionalId,
      incarnation,
    )
  }

  /** Removes only this incarnation: the id may have been registered again. */
  forget(transactionalId: string, incarnation: string): void {
    this.#sql.exec(
      'DELETE FROM transactional_id WHERE transactional_id = ? AND incarnation = ?',
      transactionalId,
      incarnation,
    )
  }

  /** Returns transactional ids in ascending order. */
  list(after: string, limit: number): readonly string[] {
    return this.#sql
      .exec<{ transactional_id: string }>(
        `SELECT transactional_id FROM transactional_id WHERE transactional_id > ?
         ORDER BY transactional_id LIMIT ?`,
        after,
        limit,
      )
      .toArray()
      .map((row) => row.transactional_id)
  }

  #admit(nowMs: number): void {
    const { ids } = this.#sql
      .exec<{ ids: number }>('SELECT COUNT(*) AS ids FROM transactional_id')
      .one()
    if (ids >= TRANSACTIONAL_IDS_MAX) {
      const why = `transactionalId: at most ${TRANSACTIONAL_IDS_MAX} transactional ids are allowed`
      throw new EdgelogError('policy_violation', why)
    }
    this.#creations.take(nowMs, 'transactionalId: too many new transactional ids, try again later')
  }
}
