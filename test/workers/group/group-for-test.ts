/** Helpers of the group tests: a new group, correct members, reading storage, faults in transit. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { Group } from '../../../durable-objects/group/group.ts'
import type { ErrorDetails, Result } from '../../../src/core/errors.ts'
import type {
  CommitRequest,
  CommittedOffset,
  CommittingMember,
  GroupDescription,
  HeartbeatRequest,
  HeartbeatResponse,
} from '../../../src/core/group/group-api.ts'
import { type GroupId, parseGroupId } from '../../../src/core/group/group-id.ts'
import { COORDINATOR_OBJECT_NAME, type Topic } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { coordinator, newTopic } from '../coordinator/cluster.ts'

/** Returns a new stub per call: one that met an abort stays broken. */
export function group(groupId: GroupId): DurableObjectStub<Group> {
  return env.GROUP.getByName(groupId)
}

let groups = 0

/** Returns the id of an unused group. */
export function newGroupId(): GroupId {
  groups += 1
  return parseGroupId(`group-${groups}`)
}

/** Returns the result; throws an error with the code otherwise. */
export function ok<T>(result: unknown): T {
  const resultOf = result as Result<T>
  if ('error' in resultOf) throw new Error(`${resultOf.error.code}: ${resultOf.error.message}`)
  return resultOf.ok
}

/** Returns the code of an error, or `ok`. */
export function codeOf(result: unknown): string {
  const resultOf = result as Result<unknown>
  return 'error' in resultOf ? resultOf.error.code : 'ok'
}

/** Returns the details of an error. */
export function detailsOf(result: unknown): ErrorDetails {
  const resultOf = result as Result<unknown>
  return ('error' in resultOf && resultOf.error.details) || {}
}

// -- topics ------------------------------------------------------------------------------------

export async function createTopic(name: string, partitions = 2): Promise<Topic> {
  return ok<Topic>(await coordinator().createTopic(newTopic(name, partitions)))
}

export async function growTopic(name: string, partitions: number): Promise<void> {
  ok(await coordinator().changeTopic(parseTopicName(name), { partitions }))
}

export async function deleteTopic(name: string): Promise<void> {
  ok(await coordinator().deleteTopic(parseTopicName(name)))
}

/** Returns the groups that are registered with the coordinator. */
export async function registeredGroups(): Promise<readonly GroupId[]> {
  return ok<readonly GroupId[]>(await coordinator().listGroups('', 1_000))
}

// -- members -----------------------------------------------------------------------------------

/** Sends a heartbeat; fills in nothing that the protocol allows to omit. */
export async function tryHeartbeat(
  groupId: GroupId,
  changes: Partial<HeartbeatRequest> & { memberId: string },
): Promise<Result<HeartbeatResponse>> {
  const result = await group(groupId).heartbeat({
    groupId,
    memberEpoch: 0,
    instanceId: null,
    clientId: 'test',
    clientHost: '127.0.0.1',
    mayNameUnknownTopics: false,
    ...changes,
  })
  return result as Result<HeartbeatResponse>
}

/** A member that applies every response at once. Partitions are named `topic/partition`. */
export class Member {
  readonly groupId: GroupId
  readonly memberId: string
  readonly fields: Partial<HeartbeatRequest>
  epoch = 0
  holds: readonly string[] = []
  #topicIds = new Map<string, string>()

  constructor(groupId: GroupId, memberId: string, fields: Partial<HeartbeatRequest>) {
    this.groupId = groupId
    this.memberId = memberId
    this.fields = fields
  }

  get committing(): CommittingMember {
    return {
      memberId: this.memberId,
      epoch: this.epoch,
      instanceId: this.fields.instanceId ?? null,
    }
  }

  get owned(): { topicId: string; partitions: number[] }[] {
    const owned = new Map<string, number[]>()
    for (const name of this.holds) {
      const [topic = '', partition] = name.split('/')
      const topicId = this.#topicIds.get(topic) ?? ''
      owned.set(topicId, [...(owned.get(topicId) ?? []), Number(partition)])
    }
    return [...owned].map(([topicId, partitions]) => ({ topicId, partitions }))
  }

  async send(changes: Partial<HeartbeatRequest> = {}): Promise<Result<HeartbeatResponse>> {
    const { groupId, memberId, epoch } = this
    const instanceId = this.fields.instanceId ?? null
    const whole = epoch === 0 ? this.fields : { owned: this.owned, instanceId }
    return await tryHeartbeat(groupId, { memberId, memberEpoch: epoch, ...whole, ...changes })
  }

  take({ memberEpoch, assignment }: HeartbeatResponse): void {
    this.epoch = memberEpoch
    if (assignment === null) return
    for (const { topic, topicId } of assignment) this.#topicIds.set(topic, topicId)
    this.holds = assignment.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => `${topic}/${partition}`),
    )
  }

  async beat(changes: Partial<HeartbeatRequest> = {}): Promise<HeartbeatResponse> {
    const result = ok<HeartbeatResponse>(await this.send(changes))
    this.take(result)
    return result
  }

  async leave(memberEpoch = -1): Promise<void> {
    ok(await this.send({ memberEpoch }))
    this.epoch = 0
    this.holds = []
  }

  topicIdOf(topic: string): string {
    return this.#topicIds.get(topic) ?? ''
  }
}

/** Sends heartbeats of all members until the group is stable and each has its whole assignment. */
export async function settle(groupId: GroupId, members: readonly Member[]): Promise<void> {
  for (let round = 0; round < 100; round++) {
    for (const member of members) await member.beat()
    const description = await describeGroup(groupId)
    const isTold = members.every(({ memberId, epoch }) =>
      description.members.some((one) => one.memberId === memberId && one.memberEpoch === epoch),
    )
    if (description.state === 'stable' && isTold) return
    await scheduler.wait(5)
  }
  throw new Error(`the group does not settle: ${JSON.stringify(await describeGroup(groupId))}`)
}

/** Returns what all of them hold, each once, sorted. */
export function holdings(members: readonly Member[]): string[] {
  return members.flatMap(({ holds }) => holds).sort()
}

export async function describeGroup(groupId: GroupId): Promise<GroupDescription> {
  return ok<GroupDescription>(await group(groupId).describe())
}

// -- offsets -----------------------------------------------------------------------------------

export async function tryCommit(
  groupId: GroupId,
  member: CommittingMember | null,
  offsets: ReadonlyArray<readonly [topicId: string, partition: number, offset: number]>,
): Promise<Result<null>> {
  return (await group(groupId).commitOffsets(
    commitRequest(groupId, member, offsets),
  )) as Result<null>
}

export function commitRequest(
  groupId: GroupId,
  member: CommittingMember | null,
  offsets: ReadonlyArray<readonly [topicId: string, partition: number, offset: number]>,
): CommitRequest {
  return {
    groupId,
    member,
    offsets: offsets.map(([topicId, partition, offset]) => ({
      ...{ topicId, topic: topicId, partition, offset, leaderEpoch: -1, metadata: '' },
    })),
  }
}

export async function committed(groupId: GroupId): Promise<Record<string, number>> {
  const offsets = ok<readonly CommittedOffset[]>(await group(groupId).fetchOffsets({}))
  return Object.fromEntries(
    offsets.map(({ topicId, partition, offset }) => [`${topicId}/${partition}`, offset]),
  )
}

// -- the object --------------------------------------------------------------------------------

export async function evict(groupId: GroupId): Promise<void> {
  await evictDurableObject(group(groupId))
}

export async function alarmTime(groupId: GroupId): Promise<number | null> {
  return await runInDurableObject(group(groupId), (_, { storage }) => storage.getAlarm())
}

/** Runs the alarm handler, whether the alarm is set or not. */
export async function runAlarm(groupId: GroupId): Promise<void> {
  await runInDurableObject(group(groupId), (instance) => instance.alarm())
}

/** Returns whether the group has stored anything: a table or an alarm. */
export async function isStored(groupId: GroupId): Promise<boolean> {
  return await runInDurableObject(group(groupId), async (_, { storage }) => {
    const tables = storage.sql.exec(`SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'`)
    return tables.toArray().length > 0 || (await storage.getAlarm()) !== null
  })
}

export async function execute(groupId: GroupId, query: string, ...bindings: unknown[]) {
  return await runInDurableObject(group(groupId), (_, { storage }) =>
    storage.sql.exec(query, ...(bindings as SqlStorageValue[])).toArray(),
  )
}

type CoordinatorCall = 'watchTopics' | 'forgetGroup'

/** Intercepts the calls from groups to the coordinator until `vi.restoreAllMocks()`. */
export function interceptCoordinator(
  intercept: (method: CoordinatorCall, call: () => Promise<unknown>) => Promise<unknown>,
): void {
  const namespace = Object.getPrototypeOf(env.COORDINATOR) as DurableObjectNamespace
  const getByName = namespace.getByName
  vi.spyOn(namespace, 'getByName').mockImplementation(function (
    this: DurableObjectNamespace,
    name,
    options,
  ) {
    const stub = getByName.call(this, name, options)
    if (name !== COORDINATOR_OBJECT_NAME) return stub
    return new Proxy(stub, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target)
        if (property !== 'watchTopics' && property !== 'forgetGroup') return value
        return (...args: unknown[]) =>
          intercept(
            property,
            () => Reflect.apply(value as () => Promise<unknown>, target, args) as Promise<unknown>,
          )
      },
    })
  })
}

/** Makes the coordinator, or its responses, unavailable until `vi.restoreAllMocks()`. */
export function failCoordinator(fault: 'refuse' | 'lose the response', method?: CoordinatorCall) {
  interceptCoordinator(async (called, call) => {
    if (method !== undefined && called !== method) return await call()
    if (fault === 'lose the response') await call()
    throw new Error(`injected: ${fault}`)
  })
}
