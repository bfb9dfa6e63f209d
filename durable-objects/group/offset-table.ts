/** The committed offsets of one group: one row per partition. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { CommittedOffset, OffsetToCommit } from '../../src/core/group/group-api.ts'
import { type OffsetExpiry, offsetExpiresAtMs } from '../../src/core/group/offset-expiry.ts'
import { COMMITTED_OFFSETS_MAX } from '../../src/core/limits.ts'

type OffsetRow = {
  topic_id: string
  partition: number
  topic: string
  offset: number
  leader_epoch: number
  metadata: string
  committed_at_ms: number
}

export class OffsetTable {
  readonly #sql: SqlStorage
  /** Number of offsets; read from the table once. */
  #count: number | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  get count(): number {
    this.#count ??= this.#sql
      .exec<{ offsets: number }>('SELECT COUNT(*) AS offsets FROM committed_offset')
      .one().offsets
    return this.#count
  }

  /**
   * Checks that the group may store these offsets.
   *
   * @param collected offsets that the same turn also writes, each partition once.
   * @param pendingCount pending offsets: they are stored when their transactions are committed.
   * @throws {EdgelogError} `policy_violation` if the group would exceed its limit; then none is written.
   */
  checkRoom(
    offsets: readonly OffsetToCommit[],
    collected: ReadonlyMap<string, OffsetToCommit>,
    pendingCount: number,
  ): void {
    const stored = this.count + pendingCount
    if (stored + collected.size + offsets.length <= COMMITTED_OFFSETS_MAX) return
    const added = new Set<string>()
    for (const { topicId, partition } of [...collected.values(), ...offsets]) {
      if (!this.#has(topicId, partition)) added.add(`${topicId}/${partition}`)
    }
    if (stored + added.size <= COMMITTED_OFFSETS_MAX) return
    throw new EdgelogError(
      'policy_violation',
      `offsets: a group holds the offsets of at most ${COMMITTED_OFFSETS_MAX} partitions`,
    )
  }

  write(offset: OffsetToCommit, committedAtMs: number): void {
    const { topicId, partition } = offset
    if (!this.#has(topicId, partition)) this.#count = this.count + 1
    this.#sql.exec(
      'INSERT OR REPLACE INTO committed_offset VALUES (?, ?, ?, ?, ?, ?, ?)',
      topicId,
      partition,
      offset.topic,
      offset.offset,
      offset.leaderEpoch,
      offset.metadata,
      committedAtMs,
    )
  }

  /** Returns the offsets of some topics or of all, sorted by topic and partition. */
  list(topics?: readonly string[]): CommittedOffset[] {
    const [where, bindings] =
      topics === undefined
        ? ['', []]
        : ['WHERE topic IN (SELECT value FROM json_each(?))', [JSON.stringify(topics)]]
    return this.#sql
      .exec<OffsetRow>(
        `SELECT * FROM committed_offset ${where} ORDER BY topic, topic_id, partition`,
        ...bindings,
      )
      .toArray()
      .map((row) => ({
        topicId: row.topic_id,
        topic: row.topic,
        partition: row.partition,
        offset: row.offset,
        leaderEpoch: row.leader_epoch,
        metadata: row.metadata,
        committedAtMs: row.committed_at_ms,
      }))
  }

  delete(topicId: string, partition: number | null): void {
    const [where, bindings] = partition === null ? ['', []] : ['AND partition = ?', [partition]]
    this.#sql.exec(`DELETE FROM committed_offset WHERE topic_id = ? ${where}`, topicId, ...bindings)
    this.#count = undefined
  }

  /**
   * Deletes expired offsets.
   *
   * @returns the time of the next expiry; infinity if there is none.
   */
  expire(expiry: OffsetExpiry, nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const offset of this.list()) {
      const expiresAtMs = offsetExpiresAtMs(offset, expiry)
      if (expiresAtMs <= nowMs) this.delete(offset.topicId, offset.partition)
      else nextMs = Math.min(nextMs, expiresAtMs)
    }
    return nextMs
  }

  #has(topicId: string, partition: number): boolean {
    const query = 'SELECT 1 FROM committed_offset WHERE topic_id = ? AND partition = ?'
    return this.#sql.exec(query, topicId, partition).toArray().length > 0
  }
}
