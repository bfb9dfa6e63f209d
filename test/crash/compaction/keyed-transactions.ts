/** Transactions of the writers of a compacted topic: each sends one record, and commits or aborts it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Reply, TransactionClient } from '../transactions/transaction-client.ts'

export interface KeyedRecord {
  readonly key: string
  /** Null: the key is deleted. */
  readonly value: string | null
  readonly version: number
}

/** The version of records that are aborted. No reader may ever get one. */
export const ABORTED_VERSION = -1

const TIMEOUT_MS = 60_000
const RETRY_MS = 30
const IS_TEMPORARY = new Set(['concurrent_transactions', 'throttled'])

/** Sends a record in a transaction of its own until one is ended as wanted; returns its offset in that one. */
export async function sendInTransaction(
  client: TransactionClient,
  transactionalId: string,
  topic: string,
  record: KeyedRecord,
  outcome: 'commit' | 'abort',
): Promise<number> {
  const place = { topic, partition: 0 }
  for (;;) {
    const producer = await settled(() => client.init(transactionalId, TIMEOUT_MS))
    if (producer === undefined) continue
    const sent = await settled(() =>
      client.sendRecords(transactionalId, producer, place, 0, [encode(record)]),
    )
    if (sent === undefined) continue
    const ended = await settled(() => client.end(transactionalId, producer, outcome))
    // A transaction that the server has ended otherwise is made again.
    if (ended !== undefined) return sent.baseOffsets[0] ?? 0
  }
}

/** Waits until readers of committed records get beyond an offset: an older open transaction may hold them back. */
export async function untilReadable(
  client: TransactionClient,
  topic: string,
  offset: number,
): Promise<void> {
  for (;;) {
    const reply = await client.read({ topic, partition: 0 }, offset, 'committed', 100)
    if (reply.kind === 'ok' && reply.value.lastStableOffset > offset) return
    if (reply.kind !== 'ok') await sleep(RETRY_MS)
  }
}

/** Repeats a call until it is answered for good. Returns undefined if it is refused. */
async function settled<T>(attempt: () => Promise<Reply<T>>): Promise<T | undefined> {
  for (;;) {
    const reply = await attempt()
    if (reply.kind === 'ok') return reply.value
    if (reply.kind === 'fail' && !IS_TEMPORARY.has(reply.code)) return undefined
    await sleep(RETRY_MS)
  }
}

function encode({ key, value, version }: KeyedRecord) {
  const text = new TextEncoder()
  return {
    key: text.encode(key),
    value: value === null ? null : text.encode(value),
    headers: [{ key: 'v', value: text.encode(`${version}`) }],
  }
}
