/**
 * Writers of a compacted topic. Each key has one writer, which sends the next version only after the one before is
 * acknowledged. A record carries its version in a header, also without a value.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import type { TransactionClient } from '../transactions/transaction-client.ts'
import {
  ABORTED_VERSION,
  type KeyedRecord,
  sendInTransaction,
  untilReadable,
} from './keyed-transactions.ts'

/** The versions of one key. */
export interface KeyHistory {
  /** True for a version without a value; by version. */
  readonly isDelete: boolean[]
  /** The latest version that is acknowledged, and that readers of committed records get to. */
  acknowledged: number
}

/** Transactions that ended. */
export interface TransactionCounts {
  committed: number
  aborted: number
}

export interface WriterContext {
  readonly client: TransactionClient
  readonly counts: TransactionCounts
  readonly url: string
  readonly topic: string
  readonly random: Random
  readonly keys: Map<string, KeyHistory>
  readonly violations: Violation[]
  isRunning(): boolean
}

const KEYS_PER_WRITER = 6
const RETRY_MS = 50
const VALUE_BYTES = 200
const PAUSE_MS = 300

export async function runWriter(name: string, context: WriterContext): Promise<void> {
  const { random, keys } = context
  let made = 0
  const newKey = () => {
    const key = `${name}-${made++}`
    keys.set(key, { isDelete: [true], acknowledged: 0 })
    return key
  }
  const own = Array.from({ length: KEYS_PER_WRITER }, newKey)
  while (context.isRunning()) {
    const index = random.between(0, own.length - 1)
    const key = own[index] as string
    const history = keys.get(key) as KeyHistory
    if (random.between(1, 4) === 1) await sendAborted(context, name, key, history)
    const version = history.isDelete.length
    const isDelete = random.between(1, 5) === 1
    history.isDelete.push(isDelete)
    const offset = await sendSomehow(context, name, { key, version, value: newValue(isDelete) })
    await untilReadable(context.client, context.topic, offset)
    history.acknowledged = version
    if (random.between(1, 3) === 1) await checkTable(context, key, history, offset)
    // Some keys stay deleted, so that a reader that misses their tombstones has them for ever.
    if (isDelete && random.between(1, 4) === 1) own[index] = newKey()
  }
}

/** Sends a record of a key in a transaction that is aborted. Sometimes it is the last one of its key for a while. */
async function sendAborted(
  context: WriterContext,
  name: string,
  key: string,
  history: KeyHistory,
): Promise<void> {
  const { client, counts, random, topic } = context
  const aborted = { key, version: ABORTED_VERSION, value: newValue(random.between(1, 2) === 1) }
  const offset = await sendInTransaction(client, name, topic, aborted, 'abort')
  counts.aborted += 1
  if (random.between(1, 5) === 1) await sleep(PAUSE_MS)
  await untilReadable(client, topic, offset)
  await checkTable(context, key, history, offset)
}

/** Sends one version by itself or in a transaction. */
async function sendSomehow(
  context: WriterContext,
  name: string,
  record: KeyedRecord,
): Promise<number> {
  const { client, counts, random, topic } = context
  if (random.between(1, 3) > 1) return await send(context, record)
  const offset = await sendInTransaction(client, name, topic, record, 'commit')
  counts.committed += 1
  return offset
}

function newValue(isDelete: boolean): string | null {
  return isDelete ? null : 'x'.repeat(VALUE_BYTES)
}

/** Sends one version until it is acknowledged; it may then be in the log several times. */
async function send(
  { url, topic }: WriterContext,
  { key, value, version }: KeyedRecord,
): Promise<number> {
  const body = JSON.stringify({ records: [{ key, value, headers: { v: `${version}` } }] })
  const headers = { 'content-type': 'application/json' }
  for (;;) {
    const response = await tryFetch(`${url}/v1/topics/${topic}/records`, {
      method: 'POST',
      headers,
      body,
    })
    const answer = response?.ok ? await response.json().catch(() => undefined) : undefined
    const offset = (answer as { offsets?: Array<{ offset: number }> })?.offsets?.[0]?.offset
    if (offset !== undefined) return offset
    await sleep(RETRY_MS)
  }
}

/** K6: the table has the writer's own record. */
async function checkTable(
  { url, topic, violations }: WriterContext,
  key: string,
  { isDelete, acknowledged }: KeyHistory,
  offset: number,
): Promise<void> {
  const response = await tryFetch(`${url}/v1/topics/${topic}/table/${key}?at=${offset}`)
  const body = (await response?.json().catch(() => undefined)) as
    | { headers?: { v?: string }; error?: { code: string } }
    | undefined
  const isGone = body?.error?.code === 'key_not_found'
  // Any other error is one of the killed server.
  if (body === undefined || (body.error !== undefined && !isGone)) return
  const found = isGone ? 'none' : `version ${body.headers?.v}`
  const expected = isDelete[acknowledged] ? 'none' : `version ${acknowledged}`
  if (found !== expected) {
    violations.push({ promise: 'K6', what: `the table has ${found} of ${key}, not ${expected}` })
  }
}

export async function tryFetch(url: string, init?: RequestInit): Promise<Response | undefined> {
  try {
    return await fetch(url, init)
  } catch {
    return undefined
  }
}
