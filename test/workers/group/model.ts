/** Correct consumers of one group, the records delivered to them, and the offsets that may be committed. */
import { expect } from 'vitest'
import type { Result } from '../../../src/core/errors.ts'
import type {
  CommittedOffset,
  GroupDescription,
  HeartbeatResponse,
} from '../../../src/core/group/group-api.ts'
import type { GroupId } from '../../../src/core/group/group-id.ts'
import { codeOf, commitRequest, group, ok, tryHeartbeat } from './group-for-test.ts'

/** Neither side keeps the state of lost partitions. */
type Outcome<T> = Result<T> | undefined

interface Position {
  /** The committed offset when the partition was assigned. */
  readonly start: number
  /** Everything from `start` up to here was delivered to the consumer. */
  next: number
}

/** A consumer. Partitions are named `topicId/partition`. */
export class Consumer {
  readonly memberId: string
  topics: readonly string[]
  epoch = 0
  isPaused = false
  isSlow = false
  assigned: ReadonlySet<string> = new Set()
  /** null: the consumer has not yet fetched its start offset. */
  readonly holds = new Map<string, Position | null>()

  constructor(memberId: string, topics: readonly string[]) {
    this.memberId = memberId
    this.topics = topics
  }

  get committing() {
    return { memberId: this.memberId, epoch: this.epoch, instanceId: null }
  }

  get owned() {
    return [...this.holds.keys()].map((key) => {
      const [topicId = '', partition] = key.split('/')
      return { topicId, partitions: [Number(partition)] }
    })
  }
}

export class GroupModel {
  readonly groupId: GroupId
  readonly consumers: Consumer[] = []
  /** The allowed committed offsets of each partition. */
  readonly #possible = new Map<string, Set<number>>()
  /** The delivered ranges of each partition, to any consumer: from, to. */
  readonly #delivered = new Map<string, [number, number][]>()

  constructor(groupId: GroupId) {
    this.groupId = groupId
  }

  // -- actions of consumers -------------------------------------------------------------------------

  async beat(one: Consumer): Promise<void> {
    const { memberId, topics, epoch } = one
    const fields = epoch === 0 ? { owned: [] } : { owned: one.owned }
    const sent = tryHeartbeat(this.groupId, {
      ...{ memberId, memberEpoch: epoch, sessionTimeoutMs: 300, rebalanceTimeoutMs: 300 },
      ...{ topics, mayNameUnknownTopics: true, ...fields },
    })
    const result: Outcome<HeartbeatResponse> = await sent.catch(() => undefined)
    if (result === undefined) return
    if ('error' in result) {
      const { code } = result.error
      if (code === 'unavailable') return
      expect(['fenced_member_epoch', 'unknown_member_id'], 'a heartbeat').toContain(code)
      this.#lose(one)
      return
    }
    const { memberEpoch, assignment } = result.ok
    one.epoch = memberEpoch
    if (assignment === null) return
    one.assigned = new Set(
      assignment.flatMap(({ topicId, partitions }) => partitions.map((p) => `${topicId}/${p}`)),
    )
    for (const key of one.assigned) if (!one.holds.has(key)) one.holds.set(key, null)
    if (!one.isSlow) this.giveUp(one)
  }

  giveUp(one: Consumer): void {
    for (const key of [...one.holds.keys()]) if (!one.assigned.has(key)) one.holds.delete(key)
  }

  /** Delivers a few records of each partition that the consumer holds. */
  async deliver(one: Consumer, count: number): Promise<void> {
    if ([...one.holds.values()].includes(null)) await this.#begin(one)
    for (const [key, position] of one.holds) {
      if (position === null) continue
      this.#deliver(key, position.next, position.next + count)
      position.next += count
    }
  }

  async commit(one: Consumer): Promise<void> {
    const offsets = [...one.holds].flatMap(([key, position]) => {
      const [topicId = '', partition] = key.split('/')
      return position === null ? [] : [[topicId, Number(partition), position.next] as const]
    })
    if (offsets.length === 0 || one.epoch === 0) return
    const request = commitRequest(this.groupId, one.committing, offsets)
    const added = offsets.filter(([topicId, partition, offset]) => {
      const possible = this.#mayBe(`${topicId}/${partition}`)
      return !possible.has(offset) && possible.add(offset)
    })
    const result = (await group(this.groupId)
      .commitOffsets(request)
      .catch(() => undefined)) as Outcome<null>
    if (result === undefined) return
    const code = codeOf(result)
    expect(['ok', 'unknown_member_id', 'stale_member_epoch'], 'a commit').toContain(code)
    for (const [topicId, partition, offset] of code === 'ok' ? offsets : added) {
      const key = `${topicId}/${partition}`
      if (code === 'ok') this.#possible.set(key, new Set([offset]))
      else this.#mayBe(key).delete(offset)
    }
  }

  async leave(one: Consumer): Promise<void> {
    const { memberId, epoch } = one
    this.#lose(one)
    if (epoch === 0) return
    await tryHeartbeat(this.groupId, { memberId, memberEpoch: -1 }).catch(() => undefined)
  }

  async #begin(one: Consumer): Promise<void> {
    const member = one.committing
    const result = (await group(this.groupId)
      .fetchOffsets({ member })
      .catch(() => undefined)) as Outcome<readonly CommittedOffset[]>
    // After an error the consumer learns the reason from its next heartbeat.
    if (result === undefined || 'error' in result) return
    const offsets = byPartition(result.ok)
    for (const [key, position] of one.holds) {
      const start = offsets.get(key) ?? 0
      if (position === null) one.holds.set(key, { start, next: start })
    }
  }

  #lose(one: Consumer): void {
    one.epoch = 0
    one.assigned = new Set()
    one.holds.clear()
  }

  #mayBe(key: string): Set<number> {
    const possible = this.#possible.get(key) ?? new Set([0])
    this.#possible.set(key, possible)
    return possible
  }

  #deliver(key: string, from: number, to: number): void {
    this.#delivered.set(key, [...(this.#delivered.get(key) ?? []), [from, to]])
  }

  // -- invariants ------------------------------------------------------------------------

  async check(): Promise<void> {
    const description = (await group(this.groupId).describe()) as Result<GroupDescription>
    if ('error' in description) {
      expect(description.error.code).toBe('group_id_not_found')
      return
    }
    const members = new Map(description.ok.members.map((member) => [member.memberId, member]))
    const offsets = byPartition(
      ok<readonly CommittedOffset[]>(await group(this.groupId).fetchOffsets({})),
    )
    this.#checkOffsets(offsets)
    const holders = new Map<string, string>()
    for (const { memberId, epoch, holds } of this.consumers) {
      // A consumer that the group has removed may not know it yet.
      if (!members.has(memberId) || epoch === 0) continue
      for (const [key, position] of holds) {
        expect(holders.get(key), `${key} is held by ${memberId} alone`).toBe(undefined)
        holders.set(key, memberId)
        if (position === null) continue
        const offset = offsets.get(key) ?? 0
        expect(offset, `${key} of ${memberId} does not go back`).toBeGreaterThanOrEqual(
          position.start,
        )
        expect(offset, `${key} of ${memberId} does not skip`).toBeLessThanOrEqual(position.next)
      }
    }
  }

  #checkOffsets(offsets: ReadonlyMap<string, number>): void {
    for (const [key, possible] of this.#possible) {
      const offset = offsets.get(key) ?? 0
      expect([...possible], `what is committed of ${key}`).toContain(offset)
      this.#possible.set(key, new Set([offset]))
      let end = 0
      const parts = this.#delivered.get(key) ?? []
      for (const [from, to] of [...parts].sort(([a], [b]) => a - b)) {
        if (from <= end) end = Math.max(end, to)
      }
      expect(offset, `${key}: nothing is committed that nobody was given`).toBeLessThanOrEqual(end)
    }
    for (const key of offsets.keys()) expect(this.#possible.has(key)).toBe(true)
  }
}

function byPartition(offsets: readonly CommittedOffset[]): Map<string, number> {
  return new Map(
    offsets.map(({ topicId, partition, offset }) => [`${topicId}/${partition}`, offset]),
  )
}
