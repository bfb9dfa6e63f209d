/**
 * Group configs: one row per group that has any, whether the group itself exists or not. The coordinator stores them
 * because a group's own rows are deleted with the group, while its configs stay.
 *
 *   config   {"formVersion":1,"overrides":{"consumer.session.timeout.ms":50000}}
 */
import { EdgelogError } from '../../src/core/errors.ts'
import {
  changedGroupConfig,
  type GroupConfigChange,
  type GroupConfigOverrides,
} from '../../src/core/group/group-config.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import { GROUPS_MAX } from '../../src/core/limits.ts'
import { StoredForm } from '../../src/core/stored-form.ts'

const CONFIG = new StoredForm<{ readonly overrides: GroupConfigOverrides }>('group config')

export class GroupConfigTable {
  readonly #sql: SqlStorage
  /** Number of groups with configs; read from the table once. */
  #count: number | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  read(groupId: GroupId): GroupConfigOverrides {
    const config = this.#find(groupId)
    return config === undefined ? {} : CONFIG.decode(config).overrides
  }

  /** Returns the groups that have configs, sorted by id. */
  list(): readonly GroupId[] {
    return this.#sql
      .exec<{ group_id: GroupId }>('SELECT group_id FROM group_config ORDER BY group_id')
      .toArray()
      .map((row) => row.group_id)
  }

  /**
   * Returns whether the change has an effect.
   *
   * @throws {EdgelogError} `policy_violation` when the limit of groups with configs is reached.
   */
  change(groupId: GroupId, change: GroupConfigChange, validateOnly: boolean): boolean {
    const before = this.#find(groupId)
    const overrides = changedGroupConfig(
      before === undefined ? {} : CONFIG.decode(before).overrides,
      change,
    )
    const isDefault = Object.keys(overrides).length === 0
    const after = isDefault ? undefined : CONFIG.encode({ overrides })
    if (after === before) return false
    if (before === undefined) this.#checkRoom()
    if (validateOnly) return false
    if (before === undefined) this.#count = this.#countAll() + 1
    if (after === undefined) this.#count = this.#countAll() - 1
    this.#write(groupId, after)
    return true
  }

  #write(groupId: GroupId, config: string | undefined): void {
    if (config === undefined) {
      this.#sql.exec('DELETE FROM group_config WHERE group_id = ?', groupId)
      return
    }
    this.#sql.exec(
      `INSERT INTO group_config (group_id, config) VALUES (?, ?)
       ON CONFLICT (group_id) DO UPDATE SET config = excluded.config`,
      groupId,
      config,
    )
  }

  #find(groupId: GroupId): string | undefined {
    const [row] = this.#sql
      .exec<{ config: string }>('SELECT config FROM group_config WHERE group_id = ?', groupId)
      .toArray()
    return row?.config
  }

  #countAll(): number {
    this.#count ??= this.#sql
      .exec<{ groups: number }>('SELECT COUNT(*) AS groups FROM group_config')
      .one().groups
    return this.#count
  }

  #checkRoom(): void {
    if (this.#countAll() < GROUPS_MAX) return
    const why = `groupId: at most ${GROUPS_MAX} groups may have configs`
    throw new EdgelogError('policy_violation', why)
  }
}
