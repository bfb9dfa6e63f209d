/** A member with a fake group and clock. */
import { vi } from 'vitest'
import {
  type AssignmentChange,
  type ConsumerBatch,
  connect,
  type GroupConsumer,
  type GroupConsumerOptions,
} from '../../client/index.ts'
import { FakeGroup } from './fake-group.ts'
import { ManualClock } from './manual-clock.ts'

const open: Array<{ consumer: GroupConsumer; clock: ManualClock }> = []

/** Closes all members, whatever they wait for. */
export async function closeMembers(): Promise<void> {
  for (const { consumer, clock } of open.splice(0)) {
    let isClosed = false
    const end = () => {
      isClosed = true
    }
    consumer.close({ timeoutMs: 0 }).then(end, end)
    while (!isClosed) await pass(clock, 1_000)
  }
}

type MemberOptions = Partial<GroupConsumerOptions> & Partial<Pick<FakeGroup, 'committed'>>

/** Creates a member that is assigned `partitions` as soon as it requests a batch. */
export function newMember(partitions: readonly number[], options: MemberOptions = {}) {
  const { committed = {}, ...consumerOptions } = options
  const group = new FakeGroup()
  group.committed = committed
  group.epoch = 1
  group.partitions = partitions
  const clock = new ManualClock()
  const client = connect({
    url: 'http://group.test',
    fetch: group.fetch,
    WebSocket: null,
    clock,
    random: () => 0.5,
    newMemberId: () => 'me',
  })
  const consumer = client.consumer({
    groupId: 'g',
    topics: ['t'],
    from: 'earliest',
    sessionTimeoutMs: 10_000,
    autoCommitIntervalMs: 3_600_000,
    ...consumerOptions,
  })
  open.push({ consumer, clock })
  const changes: AssignmentChange[] = []
  consumer.on('assignment', (change) => changes.push(change))
  return { group, clock, client, consumer, changes }
}

/** A batch that a handler works on. */
interface Handled {
  readonly key: string
  readonly signal: AbortSignal
  finish(): void
  fail(error: unknown): void
}

/** Starts a member whose handlers end when the test calls them. */
export async function running(
  partitions: readonly number[],
  options: MemberOptions = {},
  concurrency = 10,
) {
  const member = newMember(partitions, options)
  const handled: Handled[] = []
  const onDone = vi.fn()
  const onFailed = vi.fn()
  const handler = (batch: ConsumerBatch, { signal }: { signal: AbortSignal }) =>
    new Promise<void>((resolve, reject) => {
      const key = `${batch.partition}:${batch.records[0]?.offset}`
      handled.push({ key, signal, finish: resolve, fail: reject })
    })
  member.consumer.run(handler, { concurrency }).then(onDone, onFailed)
  await settle()
  const keys = () => handled.map(({ key }) => key)
  const of = (key: string) => handled.findLast((one) => one.key === key) as Handled
  return { ...member, handled, keys, of, onDone, onFailed }
}

/** Runs all work that does not wait for the clock. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export async function pass(clock: ManualClock, byMs: number): Promise<void> {
  clock.advance(byMs)
  await settle()
}

/** Advances the clock in steps, so that dependent timers run. */
export async function passSlowly(clock: ManualClock, byMs: number): Promise<void> {
  for (let ms = 0; ms < byMs; ms += 100) await pass(clock, 100)
}

/** @returns the function that lets commits be answered */
export function holdCommits(group: FakeGroup): () => void {
  let response = () => {}
  group.commitGate = new Promise((resolve) => {
    response = resolve
  })
  return () => response()
}
