/** Registry of groups: one row per group, with the topics whose changes it gets a hint of. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { TopicInterest } from '../../src/core/group/group-api.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import {
  GROUP_CREATIONS_BURST,
  GROUP_CREATIONS_PER_MINUTE,
  GROUPS_MAX,
} from '../../src/core/limits.ts'
import { CreationRate } from './creation-rate.ts'

type GroupRow = { incarnation: string; topics: string; wants_all: number }

export class GroupRegistry {
  readonly #sql: SqlStorage
  readonly #creations = new CreationRate({
    burst: GROUP_CREATIONS_BURST,
    perMinute: GROUP_CREATIONS_PER_MINUTE,
  })

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /**
   * Registers a group and its topics. Writes nothing if the row is already up to date.
   *
   * @throws {EdgelogError} `policy_violation`, `throttled` for a new group.
   */
  note(groupId: GroupId, incarnation: string, interest: TopicInterest, nowMs: number): void {
    const topics = JSON.stringify(interest.names)
    const wantsAll = interest.all ? 1 : 0
    const [known] = this.#sql
      .exec<GroupRow>('SELECT * FROM consumer_group WHERE group_id = ?', groupId)
      .toArray()
    const isSame =
      known?.incarnation === incarnation && known.topics === topics && known.wants_all === wantsAll
    if (isSame) return
    if (known === undefined) this.#admit(nowMs)
    this.#sql.exec(
      `INSERT INTO consumer_group (group_id, incarnation, topics, wants_all) VALUES (?, ?, ?, ?)
       ON CONFLICT (group_id) DO UPDATE SET
         incarnation = excluded.incarnation, topics = excluded.topics, wants_all = excluded.wants_all`,
      groupId,
      incarnation,
      topics,
      wantsAll,
    )
  }

  /** Removes only this incarnation: a new group with the same id may exist already. */
  forget(groupId: GroupId, incarnation: string): void {
    this.#sql.exec(
      'DELETE FROM consumer_group WHERE group_id = ? AND incarnation = ?',
      groupId,
      incarnation,
    )
  }

  has(groupId: GroupId): boolean {
    const query = 'SELECT 1 FROM consumer_group WHERE group_id = ?'
    return this.#sql.exec(query, groupId).toArray().length > 0
  }

  /** Returns group ids in ascending order. */
  list(after: string, limit: number): readonly GroupId[] {
    return this.#sql
      .exec<{ group_id: GroupId }>(
        'SELECT group_id FROM consumer_group WHERE group_id > ? ORDER BY group_id LIMIT ?',
        after,
        limit,
      )
      .toArray()
      .map((row) => row.group_id)
  }

  /**
   * Returns the groups that get a hint about `topic`. The search includes the
   * JSON quotes, so a name matches only in full.
   */
  interestedIn(topic: string): readonly GroupId[] {
    return this.#sql
      .exec<{ group_id: GroupId }>(
        'SELECT group_id FROM consumer_group WHERE wants_all = 1 OR instr(topics, ?) > 0',
        `"${topic}"`,
      )
      .toArray()
      .map((row) => row.group_id)
  }

  #admit(nowMs: number): void {
    const { groups } = this.#sql
      .exec<{ groups: number }>('SELECT COUNT(*) AS groups FROM consumer_group')
      .one()
    if (groups >= GROUPS_MAX) {
      throw new EdgelogError(
        'policy_violation',
        `groupId: at most ${GROUPS_MAX} groups are allowed`,
      )
    }
    this.#creations.take(nowMs, 'groupId: too many new groups, try again later')
  }
}
