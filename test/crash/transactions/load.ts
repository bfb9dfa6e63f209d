/** Shared by all clients of a crash run with transactions: calls that are repeated until a response decides. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../support/random.ts'
import type { Reply, TransactionClient } from './transaction-client.ts'
import type { Place, TransactionEvent, TransactionHistory } from './transaction-history.ts'

const RETRY_MS = 30
/** Refusals that pass by themselves. */
const IS_TEMPORARY = new Set(['concurrent_transactions', 'throttled', 'unstable_offset_commit'])
const PADDING = '.'.repeat(120)

export interface Load {
  readonly client: TransactionClient
  readonly random: Random
  readonly history: TransactionHistory
  readonly isRunning: () => boolean
  /** Returns true when the time to drain is over; then all retries stop. */
  readonly isOver: () => boolean
}

export interface Settled<T> {
  readonly reply: Reply<T>
  /** An attempt before the last one had no response: it may have had an effect. */
  readonly wasUnknown: boolean
}

/** Repeats a call until it is answered for good. After the time to drain the reply may be `unknown`. */
export async function settle<T>(
  { isOver, history }: Load,
  what: string,
  attempt: () => Promise<Reply<T>>,
): Promise<Settled<T>> {
  let wasUnknown = false
  for (;;) {
    const reply = await attempt()
    const isTemporary = reply.kind === 'fail' && IS_TEMPORARY.has(reply.code)
    if (reply.kind !== 'unknown' && !isTemporary) return { reply, wasUnknown }
    wasUnknown ||= reply.kind === 'unknown'
    if (isOver()) {
      history.stuck.push(`${what}: ${JSON.stringify(reply)}`)
      return { reply: { kind: 'unknown', why: 'the time to drain is over' }, wasUnknown }
    }
    await sleep(RETRY_MS)
  }
}

export function beginEvent(
  { history }: Load,
  name: string,
  transactionalId: string,
  instance: number,
): TransactionEvent {
  const event: TransactionEvent = {
    ...{ name, transactionalId, instance },
    ...{ records: [], offsets: [], reads: [], answers: [] },
    outcome: 'aborted',
    commitInvokedAt: Number.POSITIVE_INFINITY,
  }
  history.transactions.push(event)
  return event
}

/**
 * Reads the first record of a transaction after a response with `visible: true`: it must be there, unless an older
 * transaction is still open in its partition.
 */
export async function noteReadBack(
  { client, history }: Load,
  { name, records: [record] }: TransactionEvent,
): Promise<void> {
  if (record?.offset === undefined) return
  const { offset, value } = record
  const reply = await client.read(record, offset, 'committed')
  if (reply.kind !== 'ok' || reply.value.lastStableOffset <= offset) return
  const isKept = reply.value.records.some((one) => one.offset === offset && one.value === value)
  history.probes.push({ promise: 'T11', what: `${name}: visible, but not read`, isKept })
}

/** Returns a value that is unique in the run, if `name` is. */
export function padded(name: string): string {
  return `${name}${PADDING}`
}

export function placesOf(topic: string, partitions: number): Place[] {
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
}
