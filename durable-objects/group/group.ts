/**
 * The Durable Object of one consumer group. A thin shell: it receives calls, lets the rules of `core/group` decide,
 * writes the changes in the same turn, and continues by alarm.
 */
import { DurableObject } from 'cloudflare:workers'
import { EdgelogError, type Result, replyAsync, unwrap } from '../../src/core/errors.ts'
import type {
  ClassicGroupDescription,
  ClassicHeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeavingMember,
  LeftMember,
  SyncGroupRequest,
  SyncGroupResult,
} from '../../src/core/group/classic-api.ts'
import {
  checkDescriptionSize,
  classicDescriptionBytes,
  descriptionBytes,
} from '../../src/core/group/description-size.ts'
import {
  type CommitRequest,
  type CommittedOffset,
  type GroupApi,
  type GroupDescription,
  type GroupSummary,
  type HeartbeatRequest,
  type HeartbeatResponse,
  JOIN_EPOCH,
  type OffsetFetchRequest,
} from '../../src/core/group/group-api.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import type { ProducerOffsets } from '../../src/core/group/pending/pending-offsets.ts'
import {
  EMPTY_GROUP_KEPT_MS,
  GROUP_ALARM_RETRY_MS,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../../src/core/limits.ts'
import { COORDINATOR_OBJECT_NAME, type CoordinatorApi } from '../../src/core/topic/topic.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import { report } from '../../src/events/report.ts'
import { ObjectAlarm } from '../object-alarm.ts'
import { stopObject } from '../stop-object.ts'
import { CommitQueue } from './commit-queue.ts'

import { GroupMembers } from './group-members.ts'
import { GroupOffsets } from './group-offsets.ts'
import { type GroupRow, GroupStore } from './group-store.ts'
import { Lifecycle, type TopicNeed } from './lifecycle.ts'
import { type TransactionNamespace, TransactionQuestions } from './transaction-questions.ts'
import { offsetsRetentionMs, Upkeep } from './upkeep.ts'

export interface GroupEnv {
  readonly COORDINATOR: DurableObjectNamespace<Rpc.DurableObjectBranded & CoordinatorApi>
  /** Missing in a Worker without transactions. */
  readonly TRANSACTION?: TransactionNamespace
  /** Kafka's `offsets.retention.minutes`; 7 days. */
  readonly EDGELOG_OFFSETS_RETENTION_MINUTES?: string
}

export class Group extends DurableObject<GroupEnv> implements GroupApi {
  readonly #store: GroupStore
  readonly #lifecycle: Lifecycle
  readonly #commits: CommitQueue
  readonly #alarm: ObjectAlarm
  readonly #upkeep: Upkeep
  #members: GroupMembers
  #offsets: GroupOffsets

  constructor(ctx: DurableObjectState, env: GroupEnv) {
    super(ctx, env)
    const { storage } = ctx
    this.#store = new GroupStore(storage)
    this.#members = this.#loadMembers()
    this.#offsets = new GroupOffsets(storage.sql)
    this.#alarm = new ObjectAlarm(storage)
    const coordinator = () => env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
    this.#lifecycle = new Lifecycle(this.#store, {
      watchTopics: (watch) => coordinator().watchTopics(watch),
      forgetGroup: (groupId, incarnation) => coordinator().forgetGroup(groupId, incarnation),
      interest: () => this.#members.consumers.interest(),
      isEmpty: () => this.#isEmpty(),
      topicsChanged: (before, after) =>
        this.#inOneTurn((nowMs) => this.#members.consumers.topicsChanged(before, after, nowMs)),
      created: () => this.#alarm.ensure(Date.now() + EMPTY_GROUP_KEPT_MS, Date.now()),
      deleting: () => this.#alarm.ensure(Date.now() + GROUP_ALARM_RETRY_MS, Date.now()),
      wipe: () => this.#wipe(),
    })
    this.#commits = new CommitQueue({
      check: (request, collected) => {
        if (request.transaction !== undefined) this.#requireGeneration(request)
        this.#members.checkCommit(request, Date.now())
        this.#openGroup()
        this.#offsets.checkRoom(request.offsets, collected)
      },
      write: (offsets) => this.#offsets.commit([...offsets], Date.now()),
      writePending: (offsets) => {
        this.#offsets.addPending(offsets, Date.now())
        this.#alarm.ensure(questions.nextMs, Date.now())
      },
      abort: (error) => stopObject(ctx, 'group', 'commit failed', error),
      durable: () => storage.sync(),
    })
    const questions = new TransactionQuestions(env.TRANSACTION, {
      producers: () => (this.#store.group === undefined ? [] : this.#offsets.openProducers),
      drop: (producer) => this.#dropTransaction(producer),
    })
    this.#upkeep = new Upkeep(this.#store, this.#alarm, this.#lifecycle, questions, {
      members: () => this.#members,
      offsets: () => this.#offsets,
      expireMembers: () => this.#expire(),
      retentionMs: offsetsRetentionMs(env.EDGELOG_OFFSETS_RETENTION_MINUTES),
    })
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load()
      if (this.#members.count > 0) this.#alarm.ensure(this.#members.nextDeadlineMs, Date.now())
    })
  }

  // -- the consumer protocol -------------------------------------------------------------------

  /**
   * Errors: those of `decideHeartbeat`, `inconsistent_group_protocol`; for a new group those of `ensureTopicsKnown`.
   */
  async heartbeat(request: HeartbeatRequest): Promise<Result<HeartbeatResponse>> {
    return replyAsync(async () => {
      this.#expire()
      // Before the first await: a concurrent call must not expire this member's session.
      this.#members.consumers.extendSession(request, Date.now())
      const member = this.#members.consumers.group.member(request.memberId)
      const isJoining = request.memberEpoch === JOIN_EPOCH
      if (isJoining || (member !== undefined && request.memberEpoch > JOIN_EPOCH)) {
        await this.#lifecycle.ensureTopicsKnown(topicNeedOf(request, member?.topics ?? []))
        this.#openGroup()
      }
      this.#members.requireProtocol('consumer')
      return this.#inOneTurn((nowMs) => {
        const { directory } = this.#lifecycle
        const answer = this.#members.consumers.heartbeat(request, directory, nowMs)
        if (isJoining) this.#armForMembers()
        return answer
      })
    })
  }

  // -- the classic protocol --------------------------------------------------------------------

  /** Errors: those of `decideJoin`, `inconsistent_group_protocol`; for a new group those of `ensureTopicsKnown`. */
  async joinGroup(request: JoinGroupRequest): Promise<Result<JoinGroupResult>> {
    return replyAsync(async () => {
      this.#expire()
      await this.#lifecycle.ensureTopicsKnown(noTopics(request.groupId))
      this.#openGroup()
      this.#members.requireProtocol('classic')
      const answer = this.#inOneTurn((nowMs) => {
        const joined = this.#members.classics.join(request, nowMs)
        // No alarm for the generation: calls that wait for it keep the object awake.
        const isMember = this.#members.classics.count > 0
        if (isMember)
          this.#alarm.ensure(nowMs + clampedSessionMs(request.sessionTimeoutMs), Date.now())
        return joined
      })
      return unwrap(await answer)
    })
  }

  /** Errors: those of `decideSync`. */
  async syncGroup(request: SyncGroupRequest): Promise<Result<SyncGroupResult>> {
    this.#expire()
    return await this.#inOneTurn((nowMs) => this.#members.classics.sync(request, nowMs))
  }

  /** Errors: those of `decideClassicHeartbeat`. */
  async classicHeartbeat(request: ClassicHeartbeatRequest): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#expire()
      return unwrap(this.#inOneTurn((nowMs) => this.#members.classics.heartbeat(request, nowMs)))
    })
  }

  async leaveGroup(members: readonly LeavingMember[]): Promise<Result<readonly LeftMember[]>> {
    return replyAsync(async () => {
      this.#expire()
      return this.#inOneTurn((nowMs) => this.#members.classics.leave(members, nowMs))
    })
  }

  /** Errors: `group_id_not_found`, `inconsistent_group_protocol`, `request_too_large`. */
  async describeClassic(maxBytes: number): Promise<Result<ClassicGroupDescription>> {
    return replyAsync(async () => {
      this.#expire()
      const description = this.#members.describeClassic(this.#openGroup())
      checkDescriptionSize(classicDescriptionBytes(description), maxBytes)
      return description
    })
  }

  // -- offsets ---------------------------------------------------------------------------------

  /** Errors: those of `checkCommit`, `policy_violation`, `throttled`; for a transaction those of `addPending`. */
  async commitOffsets(request: CommitRequest): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#expire()
      if (mayCreateGroup(request))
        await this.#lifecycle.ensureTopicsKnown(noTopics(request.groupId))
      return unwrap(await this.#commits.push(request))
    })
  }

  /** Errors: `group_id_not_found`; with a member those of `checkMember`. */
  async fetchOffsets(request: OffsetFetchRequest): Promise<Result<readonly CommittedOffset[]>> {
    return replyAsync(async () => {
      this.#expire()
      this.#openGroup()
      if (request.member !== undefined) this.#members.checkMember(request.member)
      return this.#offsets.list(request)
    })
  }

  /** Errors: `group_id_not_found`, `transaction_coordinator_fenced`. */
  async endTransaction(request: EndTransactionRequest): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#openGroup()
      this.#inOneTurn((nowMs) => this.#offsets.endTransaction(request, nowMs))
      return null
    })
  }

  /** Errors: `group_id_not_found`, `group_subscribed_to_topic`. */
  async deleteOffsets(topicId: string, partition: number | null): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#expire()
      this.#openGroup()
      const subscribed = this.#members.subscribedTopicIds(this.#lifecycle.directory)
      if (subscribed === 'all' || subscribed.has(topicId)) {
        const why = 'topic: members of the group subscribe to it'
        throw new EdgelogError('group_subscribed_to_topic', why)
      }
      this.#inOneTurn(() => this.#offsets.delete(topicId, partition))
      return null
    })
  }

  // -- administration --------------------------------------------------------------------------

  async forgetTopics(topicIds: readonly string[]): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#openGroup()
      this.#inOneTurn(() => {
        for (const topicId of topicIds) this.#offsets.delete(topicId, null)
      })
      return null
    })
  }

  /** Errors: `group_id_not_found`. */
  async summarize(): Promise<Result<GroupSummary>> {
    return replyAsync(async () => {
      const { groupId, state, protocol, lastProtocol, protocolType, memberCount } = this.#describe()
      return { groupId, state, protocol, lastProtocol, protocolType, memberCount }
    })
  }

  /** Errors: `group_id_not_found`, `request_too_large`. */
  async describe(maxBytes = Number.POSITIVE_INFINITY): Promise<Result<GroupDescription>> {
    return replyAsync(async () => {
      const description = this.#describe()
      checkDescriptionSize(descriptionBytes(description), maxBytes)
      return description
    })
  }

  /** Errors: `group_id_not_found`, `non_empty_group`; `unavailable`: the deletion then continues in the background. */
  async deleteGroup(): Promise<Result<null>> {
    return replyAsync(async () => {
      this.#expire()
      this.#openGroup()
      await this.#lifecycle.delete(() => {
        this.#members.requireNone('the group has members')
        return true
      })
      return null
    })
  }

  /** Handles the coordinator's hint that the group's topics or config changed. */
  async refresh(): Promise<void> {
    await this.#lifecycle.refresh()
  }

  /** Idempotent: may run at any time and repeatedly. */
  override async alarm(): Promise<void> {
    await this.#upkeep.run()
  }

  // -- reading state ------------------------------------------------------------------------

  /** @throws {EdgelogError} `group_id_not_found`. */
  #openGroup(): GroupRow {
    const { group } = this.#store
    if (group !== undefined && !group.isDeleting) return group
    throw new EdgelogError('group_id_not_found', 'groupId: the group does not exist')
  }

  #describe(): GroupDescription {
    this.#expire()
    return this.#members.describe(this.#openGroup(), this.#lifecycle.directory)
  }

  #isEmpty(): boolean {
    return this.#members.count === 0 && this.#offsets.isEmpty
  }

  /** Kafka's error for a member of a group that does not exist, if it commits in a transaction. */
  #requireGeneration({ member }: CommitRequest): void {
    const { group } = this.#store
    const isMissing = group === undefined || group.isDeleting
    if (!isMissing || member === null || member.epoch < 0) return
    throw new EdgelogError('illegal_generation', 'groupId: the group does not exist')
  }

  // -- changing state ----------------------------------------------------------------------------

  /** Drops the offsets of a transaction that its coordinator does not have; it may have ended in the meantime. */
  #dropTransaction(producer: ProducerOffsets): void {
    const { group } = this.#store
    if (group === undefined) return
    const isDropped = this.#inOneTurn((nowMs) => this.#offsets.dropTransaction(producer, nowMs))
    if (!isDropped) return
    const transactionalId = producer.open?.transaction.transactionalId ?? ''
    report({ type: 'transaction_dropped', groupId: group.groupId, transactionalId })
  }

  #loadMembers(): GroupMembers {
    return new GroupMembers(this.#store, Date.now(), () => this.#expire())
  }

  #expire(): void {
    this.#inOneTurn((nowMs) => this.#members.expire(nowMs))
  }

  /** When all members become silent together, only the alarm can detect it. */
  #armForMembers(): void {
    this.#alarm.ensure(Math.max(Date.now(), this.#members.nextDeadlineMs), Date.now())
  }

  /** Deletes all rows and starts with empty state in memory. */
  async #wipe(): Promise<void> {
    this.#members = this.#loadMembers()
    this.#offsets = new GroupOffsets(this.ctx.storage.sql)
    // In one turn: rows without an alarm would stay forever.
    await Promise.all([this.#alarm.clear(), this.ctx.storage.deleteAll()])
  }

  /** Any error but an `EdgelogError` may leave memory ahead of the rows, so the object is stopped. */
  #inOneTurn<T>(work: (nowMs: number) => T): T {
    const wasEmpty = this.#members.count === 0
    try {
      const result = work(Date.now())
      const isEmptied = !wasEmpty && this.#members.count === 0
      if (isEmptied) this.#alarm.ensure(Date.now() + EMPTY_GROUP_KEPT_MS, Date.now())
      return result
    } catch (error) {
      if (!(error instanceof EdgelogError)) stopObject(this.ctx, 'group', 'group', error)
      throw error
    }
  }
}

function clampedSessionMs(sessionTimeoutMs: number): number {
  return Math.min(Math.max(sessionTimeoutMs, SESSION_TIMEOUT_MS_MIN), SESSION_TIMEOUT_MS_MAX)
}

/** Returns whether a commit may be the first call to a group: it comes from no member. */
function mayCreateGroup({ member, transaction }: CommitRequest): boolean {
  return member === null || (transaction !== undefined && member.epoch < 0)
}

/** Returns the topics that must be known before a heartbeat can be decided. */
function topicNeedOf(request: HeartbeatRequest, subscribed: readonly string[]): TopicNeed {
  const { groupId, topics = [], topicPattern = '', mayNameUnknownTopics } = request
  const added = topics.filter((topic) => !subscribed.includes(topic))
  const required = mayNameUnknownTopics ? [] : added
  return { groupId, names: topics, all: topicPattern !== '', required }
}

function noTopics(groupId: GroupId): TopicNeed {
  return { groupId, names: [], all: false, required: [] }
}
