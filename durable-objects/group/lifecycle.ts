/**
 * Creates, registers and deletes a group, and keeps its cache of topics. The coordinator keeps a list
 * of the groups, so each of these is a call to it between two writes here: the intended state is
 * written first, an alarm returns to it, and only one runs at a time.
 *
 *   nothing ──first member or offset──> registering ──coordinator accepted it──> registered
 *      ▲                                     │ refused                               │ delete
 *      └──────────── forgotten <─────────────┴────────────── deleting <──────────────┘
 */
import { EdgelogError, type Result, unwrap } from '../../src/core/errors.ts'
import type { GroupMetadata, TopicInterest } from '../../src/core/group/group-api.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import { TopicDirectory } from '../../src/core/group/topic-directory.ts'
import { GROUP_METADATA_MAX_AGE_MS, METADATA_RETRY_MS } from '../../src/core/limits.ts'
import type { TopicWatch } from '../../src/core/topic/topic.ts'
import { report } from '../../src/events/report.ts'
import type { GroupStore } from './group-store.ts'

/** The topics that must be known before a call can be decided. */
export interface TopicNeed extends TopicInterest {
  readonly groupId: GroupId
  /** Names that must exist; otherwise the call fails. */
  readonly required: readonly string[]
}

interface LifecycleHooks {
  watchTopics(watch: TopicWatch): Promise<Result<GroupMetadata>>
  forgetGroup(groupId: GroupId, incarnation: string): Promise<void>
  /** Returns the topics that the members subscribe to now. */
  interest(): TopicInterest
  /** Returns whether the group has neither members nor offsets. */
  isEmpty(): boolean
  /** Called in the turn that receives the new topics, before `directory` is replaced. */
  topicsChanged(before: TopicDirectory, after: TopicDirectory): void
  created(): void
  /** Called when a deletion begins, so that the alarm retries it if the coordinator does not respond. */
  deleting(): void
  /** Deletes the rows, the alarm and the state in memory. */
  wipe(): Promise<void>
}

export class Lifecycle {
  readonly #store: GroupStore
  readonly #hooks: LifecycleHooks
  #directory: TopicDirectory
  /** The interest last sent to the coordinator. */
  #lastInterest: TopicInterest | undefined
  #refreshAtMs = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: GroupStore, hooks: LifecycleHooks) {
    this.#store = store
    this.#hooks = hooks
    this.#directory = new TopicDirectory(store.group === undefined ? [] : store.readTopics())
    // A member exists only after its topics were sent to the coordinator.
    if (store.group?.isRegistered) this.#lastInterest = hooks.interest()
  }

  get directory(): TopicDirectory {
    return this.#directory
  }

  /**
   * Ensures that the group is registered and that the topics of a call are cached.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `policy_violation`, `throttled`, `unavailable`.
   */
  async ensureTopicsKnown(need: TopicNeed): Promise<void> {
    if (this.#areTopicsKnown(need)) {
      if (Date.now() >= this.#refreshAtMs) this.#refreshInBackground()
      return
    }
    await this.#oneAtATime(async () => {
      if (!this.#areTopicsKnown(need)) await this.#requestTopics(need)
    })
  }

  /** Refreshes the cached topics and config, if the group exists. */
  async refresh(): Promise<void> {
    await this.#oneAtATime(async () => {
      const { group } = this.#store
      if (group === undefined || group.isDeleting) return
      await this.#requestTopics({ groupId: group.groupId, names: [], all: false, required: [] })
    })
  }

  /**
   * Deletes the group. Concurrent calls wait and then create a new one.
   *
   * @param mayDelete called when the turn of this deletion comes.
   */
  async delete(mayDelete: () => boolean): Promise<void> {
    await this.#oneAtATime(async () => {
      if (this.#store.group !== undefined && mayDelete()) await this.#delete()
    })
  }

  /** Refreshes in the background: cached topics stay in use until the coordinator responds. */
  #refreshInBackground(): void {
    this.#refreshAtMs = Date.now() + METADATA_RETRY_MS
    void this.refresh().catch((error) => {
      const groupId = this.#store.group?.groupId ?? ''
      report({ type: 'group_topics_stale', groupId, error })
    })
  }

  async #oneAtATime(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    await turn
  }

  #areTopicsKnown({ names, all, required }: TopicNeed): boolean {
    const { group } = this.#store
    const lastInterest = this.#lastInterest
    if (group === undefined || group.isDeleting || !group.isRegistered) return false
    if (lastInterest === undefined) return false
    if (lastInterest.all) return required.every((name) => this.#directory.named(name) !== undefined)
    if (all) return false
    const isRequested = names.every((name) => lastInterest.names.includes(name))
    return isRequested && required.every((name) => this.#directory.named(name) !== undefined)
  }

  async #requestTopics(need: TopicNeed): Promise<void> {
    if (this.#store.group?.isDeleting) await this.#delete()
    const isNew = this.#store.group === undefined
    if (isNew) this.#create(need.groupId)
    const { group } = this.#store
    if (group === undefined) return
    const { groupId, incarnation } = group
    try {
      for (;;) {
        const interest = unite(this.#hooks.interest(), need)
        const watch = { groupId, incarnation, interest, requiredTopics: need.required }
        const metadata = unwrap(await this.#reach(() => this.#hooks.watchTopics(watch)))
        // Meanwhile a covered member may have joined with other topics: repeat with these.
        if (!isPartOf(this.#hooks.interest(), interest)) continue
        this.#lastInterest = interest
        this.#refreshAtMs = Date.now() + GROUP_METADATA_MAX_AGE_MS
        this.#applyMetadata(metadata)
        return
      }
    } catch (error) {
      await this.#afterFailure(need, error, isNew)
    }
  }

  #applyMetadata({ topics, config }: GroupMetadata): void {
    this.#store.updateGroup({ isRegistered: true })
    this.#store.writeConfig(config)
    if (JSON.stringify(topics) === JSON.stringify(this.#directory.topics)) return
    const after = new TopicDirectory(topics)
    this.#hooks.topicsChanged(this.#directory, after)
    this.#store.writeTopics(topics)
    this.#directory = after
  }

  async #afterFailure(need: TopicNeed, error: unknown, isNew: boolean): Promise<void> {
    const isRejected = !(error instanceof EdgelogError && error.code === 'unavailable')
    if (isRejected && !this.#store.group?.isRegistered && this.#hooks.isEmpty()) {
      // An earlier call may have reached the coordinator although its response was lost.
      if (isNew) await this.#wipe()
      else await this.#delete()
      throw error
    }
    // While the coordinator is unavailable, existing members continue with the cached topics.
    const isKnown =
      need.names.every((name) => this.#directory.named(name) !== undefined) &&
      (!need.all || this.#hooks.interest().all)
    if (isRejected || !isKnown || !this.#store.group?.isRegistered) throw error
    this.#lastInterest ??= this.#hooks.interest()
    this.#refreshAtMs = Date.now() + METADATA_RETRY_MS
  }

  #create(groupId: GroupId): void {
    this.#store.create({
      groupId,
      incarnation: crypto.randomUUID(),
      isRegistered: false,
      isDeleting: false,
      groupEpoch: 0,
      assignmentEpoch: 0,
      emptySinceMs: Date.now(),
    })
    this.#hooks.created()
  }

  async #delete(): Promise<void> {
    this.#store.updateGroup({ isDeleting: true })
    this.#hooks.deleting()
    const { group } = this.#store
    if (group === undefined) return
    await this.#reach(() => this.#hooks.forgetGroup(group.groupId, group.incarnation))
    await this.#wipe()
  }

  async #wipe(): Promise<void> {
    this.#store.forget()
    this.#lastInterest = undefined
    this.#directory = new TopicDirectory([])
    await this.#hooks.wipe()
  }

  async #reach<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (cause) {
      throw new EdgelogError('unavailable', 'the coordinator did not respond; try again', { cause })
    }
  }
}

function isPartOf(part: TopicInterest, whole: TopicInterest): boolean {
  if (whole.all) return true
  return !part.all && part.names.every((name) => whole.names.includes(name))
}

function unite(one: TopicInterest, other: TopicInterest): TopicInterest {
  return {
    names: [...new Set([...one.names, ...other.names])].sort(),
    all: one.all || other.all,
  }
}
