/**
 * A group member in its own process, so that it can be killed at any moment; it may join several times:
 * `node member-process.ts URL TOPIC GROUP LOG-FILE SEED [VARIANT]`.
 */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HeartbeatResponse } from '../../../client/group/group-calls.ts'
import { connect, type OffsetCommit, type TopicPartition } from '../../../client/index.ts'
import { Random } from '../../support/random.ts'
import type { MemberEvent, Offsets } from './member-events.ts'

const [url = '', topic = '', groupId = '', logPath = '', seed = '0', variant] =
  process.argv.slice(2)
const random = new Random(Number(seed))
const logFile = openSync(logPath, 'a')

function log(event: MemberEvent): void {
  writeSync(logFile, `${JSON.stringify(event)}\n`)
}

interface Assigned {
  readonly topic: string
  readonly partitions: readonly number[]
}

const partitionsOf = (assigned: readonly Assigned[]) =>
  assigned.flatMap(({ partitions }) => partitions)

const offsetsOf = (offsets: readonly OffsetCommit[]): Offsets =>
  Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset]))

/** The partitions that the member last reported as owned; a heartbeat omits them if they are unchanged. */
let owned: readonly number[] = []

/** Calls `fetch`, and logs the calls to the group. */
async function loggingFetch(input: string, init: RequestInit = {}): Promise<Response> {
  const isHeartbeat = input.endsWith('/heartbeat')
  const isCommit = input.endsWith('/offsets') && init.method === 'POST'
  const body = typeof init.body === 'string' ? JSON.parse(init.body) : {}
  const sentAtMs = Date.now()
  if (isCommit) {
    log({ kind: 'commit sent', memberId: body.memberId, offsets: offsetsOf(body.offsets) })
  }
  if (isHeartbeat && body.owned !== undefined) owned = partitionsOf(body.owned)
  const held = owned
  const response = await fetch(input, init)
  if (!response.ok) return response
  const { memberId, memberEpoch: epoch } = body
  if (isCommit)
    log({ kind: 'commit accepted', memberId, epoch, offsets: offsetsOf(body.offsets), sentAtMs })
  if (isHeartbeat && epoch >= 0) {
    log({ kind: 'held', memberId, partitions: epoch === 0 ? [] : held, sentAtMs })
    const { assignment, memberEpoch } = (await response.clone().json()) as HeartbeatResponse
    if (assignment !== null) {
      const partitions = partitionsOf(assignment)
      log({
        kind: 'assignment received',
        memberId,
        epoch: memberEpoch,
        partitions,
        atMs: Date.now(),
      })
    }
  }
  if (input.includes('/offsets') && !isCommit) {
    const { offsets } = (await response.clone().json()) as { offsets: OffsetCommit[] }
    log({ kind: 'fetched', offsets: offsetsOf(offsets) })
  }
  return response
}

const client = connect({ url, fetch: loggingFetch })
const consumer = client.consumer({
  groupId,
  topics: [topic],
  from: 'earliest',
  sessionTimeoutMs: 2_000,
  autoCommitIntervalMs: 50,
  fetchBytesMax: 2_000,
  transport: 'long-poll',
})
const numbers = (partitions: readonly TopicPartition[]) =>
  partitions.map(({ partition }) => partition)
consumer.on('assignment', ({ assigned, revoked, lost }) => {
  const gone = numbers([...revoked, ...lost])
  if (gone.length > 0) log({ kind: 'removed', partitions: gone })
  if (assigned.length > 0) log({ kind: 'assigned', partitions: numbers(assigned) })
})
process.once('SIGTERM', () => void client.close())

await consumer.run(
  async ({ partition, records, nextOffset }) => {
    const commit = () =>
      consumer.commit([{ topic, partition, offset: nextOffset }]).catch(() => undefined)
    if (variant === 'commit-before-delivery') {
      await commit()
      await sleep(30)
    }
    const offset = records[0]?.offset ?? nextOffset
    log({ kind: 'delivered', partition, offset, nextOffset })
    if (variant === 'commit-before-finished') await commit()
    await sleep(random.between(0, 15))
    log({ kind: 'finished', partition, nextOffset })
  },
  { concurrency: 3 },
)
