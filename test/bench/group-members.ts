/**
 * Members of a group that do no work: each beats over HTTP as docs/PROTOCOL.md, 10.1, has it, when its
 * last answer said or at once when what it holds has changed.
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

  /** What it says while nothing changes. */
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

  /** There is no work to finish, so what is to be given up is given up in the same moment. */
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

/** The members of one group, all of one topic. */
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

  /** They join at once. */
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

  /** Resolves when the group says that it is stable, and every partition is with one member. */
  async settled(): Promise<Owners> {
    const deadlineMs = Date.now() + SETTLE_MS_MAX
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (Date.now() > deadlineMs) throw new Error(`${this.path} does not come to rest`)
      // The group is only asked when it is likely to be there: describing it costs it time, too.
      const owners = this.#mayBeThere() ? await this.#ask() : undefined
      if (owners !== undefined) return owners
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS))
    }
  }

  #mayBeThere(): boolean {
    const epochs = new Set<number>()
    let held = 0
    for (const member of this.#members) {
      epochs.add(member.memberEpoch)
      held += member.partitions.length
    }
    return epochs.size === 1 && held === this.#partitions
  }

  async #ask(): Promise<Owners | undefined> {
    const answer = await this.#load.call({ method: 'GET', path: `${this.path}?lag=false` })
    const { state, members }: GroupResponse = JSON.parse(answer.toString())
    const owners = new Map<number, string>()
    for (const { memberId, assignment } of members) {
      for (const partition of assignment.flatMap(({ partitions }) => partitions)) {
        if (owners.has(partition)) throw new Error(`partition ${partition} is with two members`)
        owners.set(partition, memberId)
      }
    }
    const isThere =
      state === 'stable' &&
      members.length === this.#members.size &&
      owners.size === this.#partitions
    return isThere ? owners : undefined
  }
}
