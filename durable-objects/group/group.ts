/**
 * The Durable Object of one consumer group. A thin shell: it receives calls, lets the rules of
 * `core/group` decide, writes what changed in the same turn, and comes back by alarm.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Reply, replyAsync } from '../../src/core/errors.ts'
import {
  checkConsumerCommit,
  findCommitting,
  offsetExpiresAtMs,
} from '../../src/core/group/commit.ts'
import { describeConsumerGroup } from '../../src/core/group/describe-consumer-group.ts'
import {
  type CommitRequest,
  type CommittedOffset,
  type CommittingMember,
  type GroupApi,
  type GroupDescription,
  type GroupSummary,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  JOIN_EPOCH,
  type OffsetFetchRequest,
  type OffsetToCommit,
} from '../../src/core/group/group-api.ts'
import {
  EMPTY_GROUP_KEPT_MS,
  GROUP_ALARM_RETRY_MS,
  GROUP_WATCH_INTERVAL_MS,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
  ROLL_CALL_MS_MAX,
} from '../../src/core/limits.ts'
import { COORDINATOR_OBJECT_NAME, type CoordinatorApi } from '../../src/core/topic/topic.ts'
import { CommitQueue } from './commit-queue.ts'
import { ConsumerMembers } from './consumer-members.ts'
import { GroupAlarm } from './group-alarm.ts'
import { type GroupRow, GroupStore } from './group-store.ts'
import { Lifecycle, type TopicNeed } from './lifecycle.ts'
import { OffsetTable } from './offset-table.ts'

export interface GroupEnv {
  readonly COORDINATOR: DurableObjectNamespace<Rpc.DurableObjectBranded & CoordinatorApi>
  /** Kafka's `offsets.retention.minutes`; 7 days. */
  readonly EDGELOG_OFFSETS_RETENTION_MINUTES?: string
}

export class Group
  extends DurableObject<GroupEnv>
  implements Omit<GroupApi, keyof import('../../src/core/group/classic-api.ts').ClassicGroupApi>
{
  readonly #store: GroupStore
  readonly #lifecycle: Lifecycle
  readonly #commits: CommitQueue
  readonly #alarm: GroupAlarm
  #members: ConsumerMembers
  #offsets: OffsetTable

  constructor(ctx: DurableObjectState, env: GroupEnv) {
    super(ctx, env)
    const { storage } = ctx
    this.#store = new GroupStore(storage.sql)
    this.#members = new ConsumerMembers(this.#store, Date.now())
    this.#offsets = new OffsetTable(storage.sql)
    this.#alarm = new GroupAlarm(storage)
    const coordinator = () => env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
    this.#lifecycle = new Lifecycle(this.#store, {
      watchTopics: (watch) => coordinator().watchTopics(watch),
      forgetGroup: (groupId, incarnation) => coordinator().forgetGroup(groupId, incarnation),
      interest: () => this.#members.interest(),
      isBare: () => this.#isBare(),
      topicsChanged: (before, after) =>
        this.#inOneTurn(() => this.#members.topicsChanged(before, after, Date.now())),
      created: () => this.#alarm.by(Date.now() + EMPTY_GROUP_KEPT_MS),
      wipe: () => this.#wipe(),
    })
    this.#commits = new CommitQueue({
      check: (request) => this.#checkCommit(request),
      write: (offsets) => this.#writeOffsets(offsets),
      abort: (error) => ctx.abort(`commit failed: ${String(error)}`),
      durable: () => storage.sync(),
    })
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load()
      if (this.#members.count > 0) this.#alarm.by(this.#members.nextDeadlineMs)
    })
  }

  // -- the consumer protocol -------------------------------------------------------------------

  /** Refusals: those of `decideHeartbeat`, `policy_violation`, `throttled`, `unavailable`. */
  async heartbeat(request: HeartbeatRequest): Promise<Reply<HeartbeatAnswer>> {
    return replyAsync(async () => {
      this.#expire()
      const member = this.#members.group.member(request.memberId)
      const isJoining = request.memberEpoch === JOIN_EPOCH
      if (isJoining || (member !== undefined && request.memberEpoch > JOIN_EPOCH)) {
        await this.#lifecycle.cover(needOf(request, member?.topics ?? []))
        this.#openGroup()
      }
      return this.#inOneTurn(() => {
        const nowMs = Date.now()
        const answer = this.#members.heartbeat(request, this.#lifecycle.directory, nowMs)
        this.#armForMembers(nowMs, isJoining)
        return answer
      })
    })
  }

  async topicsChanged(): Promise<void> {
    if (this.#store.group === undefined) return
    await this.#lifecycle.refresh()
  }

  // -- offsets ---------------------------------------------------------------------------------

  /** Refusals: `unknown_member_id`, `stale_member_epoch`, `fenced_instance_id`, `non_empty_group`, ... */
  async commitOffsets(request: CommitRequest): Promise<Reply<null>> {
    return replyAsync(async () => {
      this.#expire()
      if (request.member === null) {
        const { groupId } = request
        await this.#lifecycle.cover({ groupId, names: [], all: false, required: [] })
      }
      const answer = await this.#commits.push(request)
      if ('error' in answer) throw EdgelogError.fromBody(answer.error)
      return answer.ok
    })
  }

  /** Refusals: `group_id_not_found`; with a member `unknown_member_id`, `stale_member_epoch`. */
  async fetchOffsets(request: OffsetFetchRequest): Promise<Reply<readonly CommittedOffset[]>> {
    return replyAsync(async () => {
      this.#expire()
      if (request.member !== undefined) this.#checkMember(request.member)
      this.#openGroup()
      return this.#offsets.list(request.topicId)
    })
  }

  /** Refusals: `group_id_not_found`, `group_subscribed_to_topic`. */
  async deleteOffsets(topicId: string, partition: number | null): Promise<Reply<null>> {
    return replyAsync(async () => {
      this.#expire()
      this.#openGroup()
      if (this.#isSubscribed(topicId)) {
        throw new EdgelogError(
          'group_subscribed_to_topic',
          'topic: members of the group subscribe to it',
        )
      }
      this.#offsets.delete(topicId, partition)
      return null
    })
  }

  // -- administration --------------------------------------------------------------------------

  /** Refusals: `group_id_not_found`. */
  async summarize(): Promise<Reply<GroupSummary>> {
    return replyAsync(async () => {
      const { groupId, state, protocol, memberCount } = this.#describe()
      return { groupId, state, protocol, memberCount }
    })
  }

  /** Refusals: `group_id_not_found`. */
  async describe(): Promise<Reply<GroupDescription>> {
    return replyAsync(async () => this.#describe())
  }

  /** Refusals: `group_id_not_found`, `non_empty_group`; `unavailable`: it then goes on by itself. */
  async deleteGroup(): Promise<Reply<null>> {
    return replyAsync(async () => {
      this.#expire()
      this.#openGroup()
      await this.#lifecycle.delete(() => {
        this.#refuseMembers('groupId: the group has members')
        return true
      })
      return null
    })
  }

  // -- by alarm --------------------------------------------------------------------------------

  /** Idempotent: may run at any time, any often. */
  override async alarm(): Promise<void> {
    if (this.#store.group === undefined) return
    // A fired alarm is used up: the next one is set before anything can go wrong.
    this.#alarm.at(Date.now() + GROUP_ALARM_RETRY_MS)
    await this.#rollCall()
    this.#expire()
    this.#expireOffsets()
    await this.#lifecycle.delete(() => this.#isOver(Date.now()))
    const nextMs = this.#nextAlarmMs()
    if (nextMs !== undefined) this.#alarm.at(nextMs)
  }

  /**
   * Who was heard when is forgotten with each eviction. So the alarm waits until every member was
   * heard, or its session is over: sessions end even if the object sleeps between all calls.
   */
  async #rollCall(): Promise<void> {
    const endMs = Date.now() + ROLL_CALL_MS_MAX
    while (this.#members.hasUnheard && Date.now() < endMs) {
      const waitMs = Math.min(this.#members.nextDeadlineMs, endMs) - Date.now()
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, waitMs)))
      this.#expire()
    }
  }

  #nextAlarmMs(): number | undefined {
    const { group } = this.#store
    if (group === undefined) return undefined
    const nowMs = Date.now()
    if (group.isDeleting) return nowMs + GROUP_ALARM_RETRY_MS
    const watchAtMs = nowMs + GROUP_WATCH_INTERVAL_MS
    if (group.emptySinceMs === null) return watchAtMs
    if (this.#offsets.count === 0)
      return Math.max(group.emptySinceMs + EMPTY_GROUP_KEPT_MS, nowMs + 1)
    const expiresAtMs = this.#offsets.list().map((offset) => this.#offsetExpiresAtMs(offset))
    return Math.max(nowMs + 1, Math.min(...expiresAtMs, watchAtMs))
  }

  #expireOffsets(): void {
    const nowMs = Date.now()
    for (const offset of this.#offsets.list()) {
      if (this.#offsetExpiresAtMs(offset) > nowMs) continue
      this.#offsets.delete(offset.topicId, offset.partition)
    }
  }

  #offsetExpiresAtMs(offset: CommittedOffset): number {
    const minutes = Number(
      this.env.EDGELOG_OFFSETS_RETENTION_MINUTES ?? OFFSETS_RETENTION_MINUTES_DEFAULT,
    )
    return offsetExpiresAtMs(offset, {
      retentionMs: minutes * 60_000,
      emptySinceMs: this.#store.group?.emptySinceMs ?? null,
      isSubscribed: (topicId) => this.#isSubscribed(topicId),
    })
  }

  // -- what is true now ------------------------------------------------------------------------

  /** @throws {EdgelogError} `group_id_not_found`. */
  #openGroup(): GroupRow {
    const { group } = this.#store
    if (group !== undefined && !group.isDeleting) return group
    throw new EdgelogError('group_id_not_found', 'groupId: there is no such group')
  }

  #describe(): GroupDescription {
    this.#expire()
    const { groupId } = this.#openGroup()
    return describeConsumerGroup(groupId, this.#members.group, this.#lifecycle.directory)
  }

  #isBare(): boolean {
    return this.#members.count === 0 && this.#offsets.count === 0
  }

  /** It has had nothing for long enough, or its deletion was begun. */
  #isOver(nowMs: number): boolean {
    const { group } = this.#store
    if (group === undefined) return false
    const emptyForMs = nowMs - (group.emptySinceMs ?? nowMs)
    return group.isDeleting || (this.#isBare() && emptyForMs >= EMPTY_GROUP_KEPT_MS)
  }

  #isSubscribed(topicId: string): boolean {
    const { directory } = this.#lifecycle
    const members = [...this.#members.group.members.values()]
    return members.some((member) => directory.resolve(member).has(topicId))
  }

  #refuseMembers(what: string): void {
    if (this.#members.count === 0) return
    throw new EdgelogError('non_empty_group', what)
  }

  // -- what changes ----------------------------------------------------------------------------

  #expire(): void {
    this.#inOneTurn(() => {
      const nowMs = Date.now()
      this.#members.expire(nowMs)
      this.#armForMembers(nowMs, false)
    })
  }

  /** Members that fall silent together, and what an empty group is kept for, have nobody else to ask. */
  #armForMembers(nowMs: number, isJoining: boolean): void {
    const { group } = this.#store
    if (isJoining) this.#alarm.by(Math.max(nowMs, this.#members.nextDeadlineMs))
    const isEmptied = group !== undefined && group.emptySinceMs === nowMs
    if (isEmptied) this.#alarm.by(nowMs + EMPTY_GROUP_KEPT_MS)
  }

  #checkCommit({ member, offsets }: CommitRequest): void {
    if (member === null)
      this.#refuseMembers('memberId: the group has members, and only they commit')
    else checkConsumerCommit(this.#members.group, member, offsets)
    this.#openGroup()
    this.#offsets.checkRoom(offsets)
  }

  #checkMember(member: CommittingMember): void {
    findCommitting(this.#members.group, member)
  }

  #writeOffsets(offsets: Iterable<OffsetToCommit>): void {
    const nowMs = Date.now()
    for (const offset of offsets) this.#offsets.write(offset, nowMs)
  }

  /** Nothing of it is left; what is in memory begins anew. */
  async #wipe(): Promise<void> {
    this.#members = new ConsumerMembers(this.#store, Date.now())
    this.#offsets = new OffsetTable(this.ctx.storage.sql)
    await this.#alarm.clear()
    await this.ctx.storage.deleteAll()
  }

  /** After any error but a refusal, memory may have run ahead of the rows: it is dropped with the turn. */
  #inOneTurn<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof EdgelogError)) this.ctx.abort(`group: ${String(error)}`)
      throw error
    }
  }
}

/** What the coordinator is to be asked for before a heartbeat can be decided. */
function needOf(request: HeartbeatRequest, subscribed: readonly string[]): TopicNeed {
  const { groupId, topics = [], topicPattern = '', mayNameUnknownTopics } = request
  const added = topics.filter((topic) => !subscribed.includes(topic))
  return {
    groupId,
    names: topics,
    all: topicPattern !== '',
    required: mayNameUnknownTopics ? [] : added,
  }
}
