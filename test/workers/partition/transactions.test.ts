import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import {
  CHECKPOINT_BYTES,
  OPEN_TRANSACTION_QUESTION_MS,
  QUESTION_RETRY_MS,
} from '../../../src/core/limits.ts'
import { decodeTailFrame, type TailFrame } from '../../../src/core/log/tail-protocol.ts'
import type {
  EndTransactionRequest,
  TransactionOutcome,
} from '../../../src/core/transaction/participant-api.ts'
import { ONE_SHOT_PRODUCER_ID_MIN } from '../../../src/core/transaction/participant-api.ts'
import { Random } from '../../support/random.ts'
import {
  alarmTime,
  append,
  appendRequest,
  batch,
  checkAge,
  codeOf,
  countRows,
  headersOf,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
  read,
  tryAppend,
  valuesOf,
} from './partition-for-test.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

interface Sent {
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly number?: number
}

function tagOf(number: number, producerId = 7n) {
  const transactionalId = `t${producerId}`
  return { coordinator: `id/${transactionalId}`, transactionalId, number, version: 1 as const }
}

/** Appends one batch of a transaction. */
async function send(name: string, values: readonly string[], sent: Sent = {}) {
  const { producerId = 7n, producerEpoch = 0, baseSequence = 0, number = 1 } = sent
  const fields = { producerId, producerEpoch, baseSequence, isTransactional: true }
  return await tryAppend(name, batch(values, fields), {
    producerRules: 'kafka',
    transaction: tagOf(number, producerId),
  })
}

async function end(name: string, outcome: TransactionOutcome, sent: Sent = {}) {
  const { producerId = 7n, producerEpoch = 0, number = 1 } = sent
  const request = { producerId, producerEpoch, number, outcome, version: 1 as const }
  return await partition(name).endTransaction(request)
}

async function committedValues(name: string): Promise<string[]> {
  return await valuesOf((await read(name)).batches)
}

describe('reads', () => {
  test('show a transaction once it is committed', async () => {
    const name = await newPartition()
    await append(name, batch(['before']))
    await send(name, ['a', 'b'])
    await append(name, batch(['after']))
    expect(await read(name)).toMatchObject({ to: 1, lastStableOffset: 1, highWatermark: 4 })
    expect(await valuesOf((await read(name, { isolation: 'uncommitted' })).batches)).toEqual([
      'before',
      'a',
      'b',
      'after',
    ])
    expect(codeOf(await end(name, 'commit'))).toBe('ok')
    expect(await read(name)).toMatchObject({ to: 5, lastStableOffset: 5, highWatermark: 5 })
    expect(await committedValues(name)).toEqual(['before', 'a', 'b', 'after'])
  })

  test('leave out an aborted transaction, and markers', async () => {
    const name = await newPartition()
    await send(name, ['a'])
    await append(name, batch(['plain']))
    await end(name, 'abort')
    expect(await committedValues(name)).toEqual(['plain'])
    const uncommitted = await read(name, { isolation: 'uncommitted' })
    expect(await valuesOf(uncommitted.batches)).toEqual(['a', 'plain'])
    expect(uncommitted.to).toBe(3)
  })

  test('return stored batches with the list of aborted transactions', async () => {
    const name = await newPartition()
    await send(name, ['a'])
    await send(name, ['b'], { producerId: 8n })
    await end(name, 'abort')
    await end(name, 'commit', { producerId: 8n })
    await send(name, ['c'], { producerId: 8n, baseSequence: 1, number: 2 })
    await end(name, 'abort', { producerId: 8n, number: 2 })
    const stored = await read(name, { content: 'stored' })
    expect(headersOf(stored.batches).map(({ isControl }) => isControl)).toEqual([
      false,
      false,
      true,
      true,
      false,
      true,
    ])
    expect(stored.abortedTransactions).toEqual([
      { producerId: 7n, firstOffset: 0, lastOffset: 2 },
      { producerId: 8n, firstOffset: 4, lastOffset: 5 },
    ])
    const part = await read(name, { offset: 3, content: 'stored' })
    expect(part.abortedTransactions).toEqual([{ producerId: 8n, firstOffset: 4, lastOffset: 5 }])
    const raw = await read(name, { content: 'stored', isolation: 'uncommitted' })
    expect(raw.abortedTransactions).toBeUndefined()
  })

  test('advance over a part of the log without visible records', async () => {
    const name = await newPartition()
    await send(name, ['a', 'b'])
    await end(name, 'abort')
    expect(await read(name)).toMatchObject({ from: 0, to: 3, batches: new Uint8Array(0) })
  })

  test('wait for the end of a transaction', async () => {
    const name = await newPartition()
    await send(name, ['a'])
    const polled = read(name, { maxWaitMs: 20_000 })
    const uncommitted = await read(name, { maxWaitMs: 20_000, isolation: 'uncommitted' })
    expect(uncommitted.to).toBe(1)
    await append(name, batch(['plain']))
    await end(name, 'commit')
    expect(await valuesOf((await polled).batches)).toEqual(['a', 'plain'])
  })

  test('go on waiting behind an aborted transaction', async () => {
    const name = await newPartition()
    await send(name, ['a'])
    const polled = read(name, { maxWaitMs: 20_000 })
    await end(name, 'abort')
    await append(name, batch(['later']))
    const result = await polled
    expect(result).toMatchObject({ from: 0, to: 3 })
    expect(await valuesOf(result.batches)).toEqual(['later'])
  })
})

describe('tails', () => {
  async function openTail(name: string, isolation: string) {
    const query = `offset=0&creditBytes=1000000&isolation=${isolation}`
    const headers = { Upgrade: 'websocket' }
    const response = await partition(name).fetch(`https://partition/tail?${query}`, { headers })
    const { webSocket: socket } = response
    if (socket === null) throw new Error(`no socket: ${response.status}`)
    const frames: TailFrame[] = []
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      frames.push(decodeTailFrame(new Uint8Array(data as ArrayBuffer), 0))
    })
    socket.accept()
    const values = async () =>
      (await Promise.all(frames.map(({ batches }) => valuesOf(batches)))).flat()
    return { frames, values }
  }

  test('are sent a transaction when it ends', async () => {
    const name = await newPartition()
    const committed = await openTail(name, 'committed')
    const uncommitted = await openTail(name, 'uncommitted')
    await send(name, ['a'])
    await append(name, batch(['plain']))
    await vi.waitFor(async () => expect(await uncommitted.values()).toEqual(['a', 'plain']))
    expect(committed.frames).toEqual([])
    await end(name, 'commit')
    await vi.waitFor(async () => expect(await committed.values()).toEqual(['a', 'plain']))
    expect(committed.frames.at(-1)).toMatchObject({ to: 3, lastStableOffset: 3 })
  })

  test('are told of offsets without visible records', async () => {
    const name = await newPartition()
    const committed = await openTail(name, 'committed')
    await send(name, ['a'])
    await end(name, 'abort')
    await append(name, batch(['later']))
    await vi.waitFor(async () => expect(await committed.values()).toEqual(['later']))
    const covered = committed.frames.map(({ from, to }) => [from, to])
    expect(covered).toEqual([
      [0, 2],
      [2, 3],
    ])
  })
})

describe('late messages', () => {
  test('are refused after the end of their transaction', async () => {
    const name = await newPartition()
    await send(name, ['a'])
    await end(name, 'commit')
    expect(codeOf(await send(name, ['late'], { baseSequence: 1 }))).toBe('invalid_txn_state')
    expect(codeOf(await end(name, 'commit'))).toBe('ok')
    await send(name, ['b'], { baseSequence: 1, number: 2 })
    expect(codeOf(await end(name, 'abort', { number: 1 }))).toBe('ok')
    expect(codeOf(await end(name, 'commit', { number: 2 }))).toBe('ok')
    expect(codeOf(await end(name, 'abort', { number: 1 }))).toBe('transaction_coordinator_fenced')
    expect(await committedValues(name)).toEqual(['a', 'b'])
    expect((await read(name)).highWatermark).toBe(4)
  })

  test('of an earlier epoch are fenced by a marker without records', async () => {
    const name = await newPartition()
    await end(name, 'abort', { producerEpoch: 3 })
    expect(codeOf(await send(name, ['late'], { number: 2 }))).toBe('invalid_producer_epoch')
    const next = { producerEpoch: 3, number: 2 }
    expect(codeOf(await send(name, ['x'], { ...next, baseSequence: 1 }))).toBe(
      'out_of_order_sequence_number',
    )
    expect(codeOf(await send(name, ['x'], next))).toBe('ok')
  })

  test('get their first result if they are duplicates', async () => {
    const name = await newPartition()
    const first = unwrap(await send(name, ['a']))
    await end(name, 'commit')
    expect(unwrap(await send(name, ['a']))).toEqual(first)
  })
})

test('describes its producers', async () => {
  const name = await newPartition()
  await send(name, ['a', 'b'], { producerId: 7n })
  await send(name, ['c'], { producerId: 8n, number: 5 })
  await end(name, 'abort', { producerId: 8n, number: 5 })
  await append(name, batch(['d'], { producerId: 9n }))
  const described = unwrap(await partition(name).describeProducers(10))
  const rows = described.map(({ lastTimestamp: _, ...rest }) => rest)
  expect(rows).toEqual([
    {
      producerId: 7n,
      producerEpoch: 0,
      lastSequence: 1,
      coordinatorEpoch: 1,
      currentTxnStartOffset: 0,
    },
    {
      producerId: 8n,
      producerEpoch: 0,
      lastSequence: 0,
      coordinatorEpoch: 5,
      currentTxnStartOffset: -1,
    },
    {
      producerId: 9n,
      producerEpoch: 0,
      lastSequence: 0,
      coordinatorEpoch: -1,
      currentTxnStartOffset: -1,
    },
  ])
  expect(unwrap(await partition(name).describeProducers(1))).toHaveLength(1)
})

test('replays the end of a transaction and the begin of the next from one commit', async () => {
  const name = await newPartition()
  await send(name, ['a'])
  const fields = { producerId: 7n, baseSequence: 1, isTransactional: true }
  await runInDurableObject(partition(name), async (instance) => {
    const commit = { producerId: 7n, producerEpoch: 0, number: 1, outcome: 'commit', version: 1 }
    const ended = instance.endTransaction(commit as EndTransactionRequest)
    const next = { producerRules: 'kafka', transaction: tagOf(2) } as const
    const appended = instance.append(appendRequest(batch(['b'], fields), next))
    expect([codeOf(await ended), codeOf(await appended)]).toEqual(['ok', 'ok'])
  })
  await evictDurableObject(partition(name))
  expect(await read(name)).toMatchObject({ lastStableOffset: 2, highWatermark: 3 })
  await end(name, 'abort', { number: 2 })
  expect(await committedValues(name)).toEqual(['a'])
})

describe('retention', () => {
  test('forgets aborted transactions below the log start', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await send(name, ['a'])
    await end(name, 'abort')
    const rows = () =>
      runInDurableObject(partition(name), (_, { storage }) =>
        storage.sql.exec('SELECT * FROM aborted_transaction').toArray(),
      )
    expect(await rows()).toHaveLength(1)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    await checkAge(name)
    expect(await rows()).toEqual([])
    expect(await read(name, { offset: 'earliest' })).toMatchObject({ from: 2, to: 2 })
  })
})

describe('a transaction that its coordinator lost', () => {
  test.each([
    ['unknown', ['plain'], true],
    ['pending', [], false],
    ['away', [], false],
  ] as const)('is aborted if the coordinator says %s', async (fate, values, isEnded) => {
    const name = await newPartition()
    await send(name, ['a'])
    await append(name, batch(['plain']))
    const asked: unknown[] = []
    await runInDurableObject(partition(name), (instance) => {
      const fateOf = async (...question: unknown[]) => {
        asked.push(question)
        if (fate === 'away') throw new Error('injected: no response')
        return { ok: fate }
      }
      const coordinators = { getByName: () => ({ fateOf }) }
      ;(instance as unknown as { env: object }).env = { ...env, TRANSACTION: coordinators }
    })
    await maintain(name)
    expect(asked).toEqual([])
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + OPEN_TRANSACTION_QUESTION_MS + 1 })
    await maintain(name)
    expect(asked).toEqual([[7n, 't7', 1]])
    expect(await committedValues(name)).toEqual(values)
    if (!isEnded) {
      expect(await alarmTime(name)).toBeLessThanOrEqual(Date.now() + QUESTION_RETRY_MS)
      await maintain(name)
      expect(asked).toHaveLength(1)
      return
    }
    expect(codeOf(await end(name, 'abort'))).toBe('ok')
  })

  test('is asked about by an alarm, which each transaction does not set again', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    const nowMs = Date.now()
    await send(name, ['a'])
    const dueMs = (await alarmTime(name)) ?? 0
    expect(dueMs).toBeGreaterThanOrEqual(nowMs + OPEN_TRANSACTION_QUESTION_MS)
    await end(name, 'commit')
    await send(name, ['b'], { baseSequence: 1, number: 2 })
    expect(await alarmTime(name)).toBe(dueMs)
  })
})

/**
 * Question: do the transactions of a partition survive evictions at any time?
 * Generated: from a seed, transactions of three producers with late messages, checkpoints, seals and evictions; after
 * each step the committed read, the last stable offset and the list of aborted transactions equal the model's.
 */
test.each([1, 2, 3, Date.now() % 100_000])(
  'keeps its transactions over evictions, seed %d',
  async (seed) => {
    const random = new Random(seed)
    const name = await newPartition()
    const producers = [1n, 2n, 3n].map((producerId) => ({ producerId, number: 1, baseSequence: 0 }))
    const log: { value: string; key: string; offset: number }[] = []
    const outcomes = new Map<string, TransactionOutcome>([['plain', 'commit']])
    const firstOffsets = new Map<string, number>()
    const aborted: { producerId: bigint; firstOffset: number; lastOffset: number }[] = []
    let endOffset = 0
    for (const step of range(60)) {
      const producer = producers[random.below(3)] as (typeof producers)[number]
      const key = `${producer.producerId}/${producer.number}`
      const kind = random.below(10)
      const value = `v${step}`
      if (kind < 4) {
        expect(codeOf(await send(name, [value], producer))).toBe('ok')
        producer.baseSequence += 1
        if (!firstOffsets.has(key)) firstOffsets.set(key, endOffset)
        log.push({ value, key, offset: endOffset })
        endOffset += 1
      } else if (kind < 6) {
        const outcome = random.below(2) === 0 ? 'commit' : 'abort'
        expect(codeOf(await end(name, outcome, producer))).toBe('ok')
        outcomes.set(key, outcome)
        const firstOffset = firstOffsets.get(key)
        if (outcome === 'abort' && firstOffset !== undefined) {
          aborted.push({ producerId: producer.producerId, firstOffset, lastOffset: endOffset })
        }
        firstOffsets.delete(key)
        endOffset += 1
        producer.number += 1
      } else if (kind < 7) {
        const late = { ...producer, number: producer.number - 1 }
        if (late.number > 0)
          expect(codeOf(await send(name, ['late'], late))).toBe('invalid_txn_state')
      } else if (kind < 8) {
        const isLarge = random.below(2) === 0
        await append(name, isLarge ? largeBatch(CHECKPOINT_BYTES * 0.6) : batch([value]))
        log.push({ value: isLarge ? 'x' : value, key: 'plain', offset: endOffset })
        endOffset += 1
      } else if (kind < 9) await evictDurableObject(partition(name))
      else await maintain(name)
      const stable = Math.min(endOffset, ...firstOffsets.values())
      const result = await read(name, { content: 'stored' })
      expect(result).toMatchObject({
        to: stable,
        lastStableOffset: stable,
        highWatermark: endOffset,
      })
      expect(result.abortedTransactions ?? []).toEqual(
        aborted.filter(({ firstOffset }) => firstOffset < stable),
      )
      const values = (await committedValues(name)).map((text) => (text.length > 9 ? 'x' : text))
      const expected = log.filter(
        (one) => outcomes.get(one.key) === 'commit' && one.offset < stable,
      )
      expect(values).toEqual(expected.map((one) => one.value))
    }
  },
)

test.each([
  ['a transaction of one call', { deadlineMs: Date.now() + 60_000 }, 0],
  ['other transactions', {}, 1],
])('writes at a checkpoint a row for the producers of %s', async (_, fields, rows) => {
  const name = await newPartition()
  const producerId = ONE_SHOT_PRODUCER_ID_MIN + 7n
  const sent = batch(['a'], { producerId, isTransactional: true })
  const transaction = { ...tagOf(1, producerId), ...fields }
  expect(codeOf(await tryAppend(name, sent, { producerRules: 'kafka', transaction }))).toBe('ok')
  await end(name, 'commit', { producerId })
  for (let count = 0; count < 2; count++) await append(name, largeBatch(CHECKPOINT_BYTES * 0.6))
  expect(await countRows(name, 'producer')).toBe(rows)
})
