/** The rows of one group: `schema.ts` lists its tables. */
import { assert } from '../../src/core/errors.ts'
import type { ClassicHeader } from '../../src/core/group/classic/classic-group.ts'
import type { ClassicMemberRow, ClassicRows } from '../../src/core/group/classic/classic-rows.ts'
import type {
  ConsumerGroup,
  ConsumerGroupChange,
} from '../../src/core/group/consumer/consumer-group.ts'
import { decodeMember, encodeMember } from '../../src/core/group/consumer/consumer-member.ts'
import type { GroupProtocol, GroupTopic } from '../../src/core/group/group-api.ts'
import type { GroupConfigOverrides } from '../../src/core/group/group-config.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import { StoredForm } from '../../src/core/stored-form.ts'
import { hasTable, migrate } from '../migrate.ts'
import { GROUP_SCHEMA } from './schema.ts'

/** The state of a group, without its members and offsets. */
export interface GroupRow {
  readonly groupId: GroupId
  /** Identifies one life of the group, from its first member or offset to its deletion. */
  readonly incarnation: string
  /** True if the coordinator has registered the group. */
  readonly isRegistered: boolean
  /** True if a deletion has begun: the coordinator must forget the group, then all rows are deleted. */
  readonly isDeleting: boolean
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  /** Time since which the group has no members; null while it has some. */
  readonly emptySinceMs: number | null
  /** Protocol of its members or, without members, of its last ones; undefined if it never had any. */
  readonly lastProtocol?: GroupProtocol
}

const FORMS = {
  group: new StoredForm<GroupRow>('group'),
  topics: new StoredForm<{ readonly topics: readonly GroupTopic[] }>('topics of a group', [
    (topics: readonly GroupTopic[]) => ({ topics }),
  ]),
  config: new StoredForm<{ readonly overrides: GroupConfigOverrides }>('config of a group'),
  classic: new StoredForm<ClassicHeader>('classic group'),
}
const CLASSIC_MEMBER = new StoredForm<ClassicMemberRow>('classic member')

type Setting = keyof typeof FORMS
type SettingOf<Key extends Setting> = ReturnType<(typeof FORMS)[Key]['decode']>

export class GroupStore {
  readonly #storage: DurableObjectStorage
  readonly #sql: SqlStorage
  #group: GroupRow | undefined
  #config: GroupConfigOverrides | undefined

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#sql = storage.sql
    if (!hasTable(this.#sql, 'setting')) return
    migrate(storage, GROUP_SCHEMA)
    this.#group = this.#readSetting('group')
  }

  /** Returns undefined if the group does not exist; then there are no tables either. */
  get group(): GroupRow | undefined {
    return this.#group
  }

  create(group: GroupRow): void {
    migrate(this.#storage, GROUP_SCHEMA)
    this.#group = group
    this.#writeSetting('group', group)
  }

  updateGroup(change: Partial<GroupRow>): void {
    assert(this.#group !== undefined, 'only a group that is there changes')
    const next = { ...this.#group, ...change }
    const isSame = JSON.stringify(next) === JSON.stringify(this.#group)
    this.#group = next
    if (!isSame) this.#writeSetting('group', next)
  }

  /** Clears the state in memory; the caller deletes the rows. */
  forget(): void {
    this.#group = undefined
    this.#config = undefined
  }

  /** Returns the configs set for the group, as last received from the coordinator. */
  get config(): GroupConfigOverrides {
    this.#config ??= this.#readConfig()
    return this.#config
  }

  /** Writes nothing if nothing changed: a group without configs has no such row. */
  writeConfig(overrides: GroupConfigOverrides): void {
    if (JSON.stringify(overrides) === JSON.stringify(this.config)) return
    this.#config = overrides
    this.#writeSetting('config', { overrides })
  }

  #readConfig(): GroupConfigOverrides {
    return (this.#group && this.#readSetting('config')?.overrides) ?? {}
  }

  readTopics(): readonly GroupTopic[] {
    return this.#readSetting('topics')?.topics ?? []
  }

  writeTopics(topics: readonly GroupTopic[]): void {
    this.#writeSetting('topics', { topics })
  }

  /** Returns undefined if the members, if any, use the consumer protocol. */
  readClassic(): ClassicRows | undefined {
    const header = this.#group && this.#readSetting('classic')
    if (header === undefined) return undefined
    const members = header.state === 'empty' ? [] : this.#readMembers()
    return { header, members: members.map((row) => CLASSIC_MEMBER.decode(row)) }
  }

  writeClassicHeader(header: ClassicHeader): void {
    this.#writeSetting('classic', header)
  }

  /** Returns the time since which the group has no members, given its current number of members. */
  emptySinceMs(memberCount: number, nowMs: number): number | null {
    return memberCount > 0 ? null : (this.#group?.emptySinceMs ?? nowMs)
  }

  /** Returns the member rows of either protocol. */
  #readMembers(): string[] {
    return this.#sql
      .exec<{ value: string }>('SELECT value FROM member')
      .toArray()
      .map(({ value }) => value)
  }

  writeClassicMember(row: ClassicMemberRow): void {
    this.writeMember(row.memberId, CLASSIC_MEMBER.encode(row))
  }

  writeMember(memberId: string, value: string): void {
    this.#sql.exec(
      'INSERT INTO member (member_id, value) VALUES (?, ?) ON CONFLICT (member_id) DO UPDATE SET value = excluded.value',
      memberId,
      value,
    )
  }

  deleteMember(memberId: string): void {
    this.#sql.exec('DELETE FROM member WHERE member_id = ?', memberId)
  }

  /** Restores all members of the consumer protocol. */
  loadConsumerGroup(group: ConsumerGroup, { groupEpoch, assignmentEpoch }: GroupRow): void {
    const isClassic = (this.readClassic()?.members.length ?? 0) > 0
    const stored = isClassic ? [] : this.#readMembers().map(decodeMember)
    group.apply({
      groupEpoch,
      assignmentEpoch,
      members: new Map(stored.map(({ member }) => [member.memberId, member])),
      targets: new Map(stored.map(({ member, target }) => [member.memberId, target])),
    })
  }

  /** Writes one row per changed member, whether its state, its target or both changed. */
  writeMembers(change: ConsumerGroupChange, group: ConsumerGroup): void {
    for (const memberId of new Set([...change.members.keys(), ...change.targets.keys()])) {
      const member = group.members.get(memberId)
      if (member === undefined) this.deleteMember(memberId)
      else this.writeMember(memberId, encodeMember(member, group.target(memberId)))
    }
  }

  #readSetting<Key extends Setting>(key: Key): SettingOf<Key> | undefined {
    const [row] = this.#sql
      .exec<{ value: string }>('SELECT value FROM setting WHERE key = ?', key)
      .toArray()
    return row === undefined ? undefined : (FORMS[key].decode(row.value) as SettingOf<Key>)
  }

  #writeSetting<Key extends Setting>(key: Key, value: SettingOf<Key>): void {
    const form = FORMS[key] as StoredForm<SettingOf<Key>>
    this.#sql.exec(
      'INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      form.encode(value),
    )
  }
}
