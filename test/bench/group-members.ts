/**
 * Group members that do no work. Each sends heartbeats over HTTP as in docs/PROTOCOL.md, 10.1: after the
 * interval of its last response, or at once when its assignment has changed.
 */
import { type HttpLoad, postJson } from './http-load.ts'

const SETTLE_MS_MAX = 60_000
const LOOK_INTERVAL_MS = 10

interface HeldPartitions {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly number[]
}

interface HeartbeatResponse {
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly assignment: readonly HeldPartitions[] | null
}

interface GroupResponse {
  readonly state: string
  readonly members: readonly {
    readonly memberId: string
    readonly assignment: readonly HeldPartitions[]
  }[]
}

/** Member ids by partition. */
export type Owners = ReadonlyMap<number, string>

export class Member {
  readonly memberId = crypto.randomUUID()
  readonly #beat: (heartbeat: unknown) => Promise<HeartbeatResponse>
  #memberEpoch = 0
  #owned: readonly HeldPartitions[] = []
  #isLeaving = false
  #endPause = () => {}
  #beating: Promise<void> = Promise.resolve()

  constructor(beat: (heartbeat: unknown) => Promise<HeartbeatResponse>) {
    this.#beat = beat
  }

  get memberEpoch(): number {
    return this.#memberEpoch
  }

  get partitions(): readonly number[] {
    return this.#owned.flatMap(({ partitions }) => partitions)
  }

  /** The heartbeat of a member whose assignment has not changed. */
  get heartbeat() {
    return { memberId: this.memberId, memberEpoch: this.#memberEpoch, owned: this.#owned }
  }

  join(topic: string, onFailure: (error: unknown) => void): void {
    this.#beating = this.#beatOn(topic).catch(onFailure)
  }

  async leave(): Promise<void> {
    this.#isLeaving = true
    this.#endPause()
    await this.#beating
    await this.#beat({ memberId: this.memberId, memberEpoch: -1 })
  }

  async #beatOn(topic: string): Promise<void> {
    let answer = await this.#beat({ ...this.heartbeat, topics: [topic] })
    while (!this.#isLeaving) {
      const hasChanged = this.#take(answer)
      if (!hasChanged) await this.#pause(answer.heartbeatIntervalMs)
      if (!this.#isLeaving) answer = await this.#beat(this.heartbeat)
    }
  }

  /** Applies a response, and returns whether the assignment changed; revocations take effect at once. */
  #take({ memberEpoch, assignment }: HeartbeatResponse): boolean {
    this.#memberEpoch = memberEpoch
    const before = this.#owned
    this.#owned = assignment ?? before
    return JSON.stringify(this.#owned) !== JSON.stringify(before)
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** The members of one group; all subscribe to one topic. */
export class Members {
  readonly path: string
  readonly #load: HttpLoad
  readonly #topic: string
  readonly #partitions: number
  readonly #members = new Set<Member>()
  #failure: unknown

  constructor(load: HttpLoad, groupId: string, topic: string, partitions: number) {
    this.path = `/v1/groups/${groupId}`
    this.#load = load
    this.#topic = topic
    this.#partitions = partitions
  }

  get all(): readonly Member[] {
    return [...this.#members]
  }

  /** Adds members, which join at once. */
  join(count: number): void {
    const path = `${this.path}/heartbeat`
    for (let i = 0; i < count; i++) {
      const member = new Member(async (heartbeat) =>
        JSON.parse((await this.#load.call(postJson(path, heartbeat))).toString()),
      )
      this.#members.add(member)
      member.join(this.#topic, (error) => {
        this.#failure ??= error
      })
    }
  }

  async leave(member: Member): Promise<void> {
    this.#members.delete(member)
    await member.leave()
  }

  async leaveAll(): Promise<void> {
    await Promise.all(this.all.map((member) => this.leave(member)))
  }

  /** Resolves when the group is stable and each partition has one owner. */
  async settled(): Promise<Owners> {
    const deadlineMs = Date.now() + SETTLE_MS_MAX
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (Date.now() > deadlineMs) throw new Error(`${this.path} does not settle`)
      // Describing the group costs it time, so do it only when the group has probably settled.
      const owners = this.#isProbablySettled() ? await this.#fetchOwners() : undefined
      if (owners !== undefined) return owners
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS))
    }
  }

  #isProbablySettled(): boolean {
    const epochs = new Set<number>()
    let held = 0
    for (const member of this.#members) {
      epochs.add(member.memberEpoch)
      held += member.partitions.length
    }
    return epochs.size === 1 && held === this.#partitions
  }

  async #fetchOwners(): Promise<Owners | undefined> {
    const answer = await this.#load.call({ method: 'GET', path: `${this.path}?lag=false` })
    const { state, members }: GroupResponse = JSON.parse(answer.toString())
    const owners = new Map<number, string>()
    for (const { memberId, assignment } of members) {
      for (const partition of assignment.flatMap(({ partitions }) => partitions)) {
        if (owners.has(partition)) throw new Error(`partition ${partition} has two owners`)
        owners.set(partition, memberId)
      }
    }
    const isSettled =
      state === 'stable' &&
      members.length === this.#members.size &&
      owners.size === this.#partitions
    return isSettled ? owners : undefined
  }
}
