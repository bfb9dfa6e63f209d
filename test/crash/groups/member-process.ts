/**
 * A group member in its own process, so that it can be killed at any moment; it may join several times:
 * `node member-process.ts URL TOPIC GROUP LOG-FILE SEED TRANSPORT [VARIANT]`.
 */
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TopicPartition } from '../../../client/index.ts'
import { endWithRunner } from '../../server/end-with-runner.ts'
import { Random } from '../../support/random.ts'
import { CallLog } from './call-log.ts'
import { loggingSocket } from './logging-socket.ts'
import type { MemberEvent } from './member-events.ts'

endWithRunner(() => process.exit(1))

const [url = '', topic = '', groupId = '', logPath = '', seed = '0', transport, variant] =
  process.argv.slice(2)
const random = new Random(Number(seed))
const logFile = openSync(logPath, 'a')

function log(event: MemberEvent): void {
  writeSync(logFile, `${JSON.stringify(event)}\n`)
}

const calls = new CallLog(log)

/** Calls `fetch`, and logs the calls to the group. */
async function loggingFetch(input: string, init: RequestInit = {}): Promise<Response> {
  const text = typeof init.body === 'string' ? init.body : ''
  const call = calls.made(init.method ?? 'GET', new URL(input).pathname, text, false)
  const response = await fetch(input, init)
  if (response.ok) call.succeeded(await response.clone().text())
  return response
}

const client = connect({
  url,
  fetch: loggingFetch,
  ...(transport === 'session' && { transport, WebSocket: loggingSocket(calls) }),
})
const consumer = await client.consumer({
  groupId,
  topics: [topic],
  from: 'earliest',
  sessionTimeoutMs: 2_000,
  autoCommitIntervalMs: 50,
  fetchBytesMax: 2_000,
  transport: transport === 'session' ? 'auto' : 'long-poll',
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
