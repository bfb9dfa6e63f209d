/** A group member over plain HTTP: follows the protocol, and sends only what a test calls. */
import { expect } from 'vitest'
import type { Target } from './target.ts'

export interface Assigned {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly number[]
}

export interface HeartbeatResponse {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly assignment: readonly Assigned[] | null
}

let members = 0

export class GroupMember {
  readonly memberId: string
  memberEpoch = 0
  owned: readonly Assigned[] = []
  readonly #target: Target
  readonly #group: string
  readonly #options: object

  /** @param options sent with the join: topics, topicPattern, instanceId, sessionTimeoutMs, ... */
  constructor(target: Target, group: string, options: object) {
    this.memberId = `member-${process.pid}-${Date.now()}-${members++}`
    this.#target = target
    this.#group = group
    this.#options = options
  }

  /** Returns the partitions of a topic that the member holds. */
  partitionsOf(topic: string): readonly number[] {
    return this.owned.find((assigned) => assigned.topic === topic)?.partitions ?? []
  }

  send(fields: object = {}): Promise<Response> {
    const { memberId, memberEpoch, owned } = this
    const identity = this.#identity()
    const join = memberEpoch === 0 ? { ...this.#options, owned: [] } : { owned }
    const json = { memberId, memberEpoch, ...identity, ...join, ...fields }
    return this.#target.request('POST', `/v1/groups/${this.#group}/heartbeat`, { json })
  }

  /** Sends a heartbeat that must succeed; applies the assignment in the response. */
  async beat(fields: object = {}): Promise<HeartbeatResponse> {
    const response = await this.send(fields)
    expect(response.status, await response.clone().text()).toBe(200)
    const answer = (await response.json()) as HeartbeatResponse
    this.memberEpoch = answer.memberEpoch
    if (answer.assignment !== null) this.owned = answer.assignment
    return answer
  }

  /** Sends heartbeats until the assignment changes, which may take a moment. */
  async beatUntilTold(): Promise<HeartbeatResponse> {
    for (let round = 0; round < 100; round++) {
      const answer = await this.beat()
      if (answer.assignment !== null) return answer
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('the assignment of the member does not change')
  }

  async leave(memberEpoch = -1): Promise<void> {
    const response = await this.send({ memberEpoch, owned: undefined })
    expect(response.status, await response.clone().text()).toBe(200)
  }

  commit(offsets: readonly object[], memberEpoch = this.memberEpoch): Promise<Response> {
    const { memberId } = this
    const json = { memberId, memberEpoch, offsets, ...this.#identity() }
    return this.#target.request('POST', `/v1/groups/${this.#group}/offsets`, { json })
  }

  #identity(): object {
    const { instanceId } = this.#options as { instanceId?: string }
    return instanceId === undefined ? {} : { instanceId }
  }
}

/** Sends heartbeats of all members until the group is stable, a bounded number of times. */
export async function settle(
  target: Target,
  group: string,
  ...all: readonly GroupMember[]
): Promise<void> {
  for (let round = 0; round < 50; round++) {
    for (const member of all) await member.beat()
    const response = await target.request('GET', `/v1/groups/${group}?lag=false`)
    const { state } = (await response.json()) as unknown as { state: string }
    if (state === 'stable') return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`group ${group} does not become stable`)
}
