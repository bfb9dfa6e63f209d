import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { unwrap } from '../../../src/core/errors.ts'
import { CHECKPOINT_BYTES } from '../../../src/core/limits.ts'
import type { SealedChunk } from '../../../src/core/log/partition-api.ts'
import type { TransactionOutcome } from '../../../src/core/transaction/participant-api.ts'
import {
  append,
  batch,
  chunkRows,
  codeOf,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
  read,
  readAll,
  sameBytes,
  tryAppend,
  valuesOf,
} from './partition-for-test.ts'

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

async function trySealed(name: string, offset: number) {
  return await partition(name).readSealed(offset)
}

async function sealed(name: string, offset: number): Promise<SealedChunk> {
  return unwrap(await trySealed(name, offset)) as SealedChunk
}

/** Makes a batch of one large record with a key. */
function keyed(key: string): Uint8Array {
  const text = new TextEncoder()
  const value = text.encode('x'.repeat(70_000))
  return encodeBatch([{ timestamp: Date.now(), key: text.encode(key), value, headers: [] }])
}

/** Returns all sealed chunks from an offset on. */
async function chain(name: string, from = 0): Promise<SealedChunk[]> {
  const chunks: SealedChunk[] = []
  for (let offset = from; ; ) {
    const result = await trySealed(name, offset)
    if (codeOf(result) === 'not_sealed') return chunks
    const chunk = unwrap(result) as SealedChunk
    expect(chunk.to).toBeGreaterThan(offset)
    chunks.push(chunk)
    offset = chunk.to
  }
}

/** Fills a log with small chunks and a checkpoint behind them, and seals them. */
async function fillSmall(name: string): Promise<void> {
  for (const n of range(60)) await append(name, largeBatch(40_000, { timestamp: Date.now() + n }))
  await maintain(name)
}

async function transact(name: string, value: string, outcome: TransactionOutcome, number: number) {
  const transaction = { coordinator: 'id/t', transactionalId: 't', number, version: 1 as const }
  const producer = { producerId: 7n, producerEpoch: 0 }
  const bytes = batch([value], { ...producer, baseSequence: number - 1, isTransactional: true })
  unwrap(await tryAppend(name, bytes, { producerRules: 'kafka', transaction }))
  unwrap(await partition(name).endTransaction({ ...producer, number, outcome, version: 1 }))
}

describe('readSealed()', () => {
  test('returns the chunk that holds the offset, whichever offset of it is asked for', async () => {
    const name = await newPartition()
    await fillSmall(name)
    const [row] = await chunkRows(name)
    const { endOffset = 0 } = row ?? {}
    expect(endOffset).toBeGreaterThan(10)
    const first = await sealed(name, 0)
    expect(first).toMatchObject({ from: 0, to: endOffset, logStartOffset: 0, topicVersion: 1 })
    for (const offset of [1, endOffset - 1]) {
      const same = await sealed(name, offset)
      expect(same).toMatchObject({ from: 0, to: endOffset })
      expect(sameBytes(same.batches, first.batches)).toBe(true)
    }
    expect(await sealed(name, endOffset)).toMatchObject({ from: endOffset })
  })

  test('returns the same chunks again after more records, sealing and evictions', async () => {
    const name = await newPartition()
    await fillSmall(name)
    const before = await chain(name)
    expect(before.length).toBeGreaterThan(1)
    await fillSmall(name)
    await evictDurableObject(partition(name))
    const after = await chain(name)
    expect(after.length).toBeGreaterThan(before.length)
    for (const [index, chunk] of before.entries()) {
      expect(after[index]).toMatchObject({ from: chunk.from, to: chunk.to })
      expect(sameBytes(after[index]?.batches ?? new Uint8Array(), chunk.batches)).toBe(true)
    }
    const all = await readAll(name)
    const joined = concatenate(after.map(({ batches }) => batches))
    expect(sameBytes(joined, all.subarray(0, joined.length))).toBe(true)
  })

  test('returns large chunks at once, and small ones only when they are merged', async () => {
    const name = await newPartition()
    await append(name, largeBatch(70_000))
    await append(name, batch(['small']))
    expect(await sealed(name, 0)).toMatchObject({ from: 0, to: 1 })
    expect(codeOf(await trySealed(name, 1))).toBe('not_sealed')
    expect(codeOf(await trySealed(name, 99))).toBe('not_sealed')
    await fillSmall(name)
    expect(await chunkRows(name)).toContainEqual(expect.objectContaining({ baseOffset: 1 }))
    expect((await sealed(name, 1)).to).toBeGreaterThan(2)
  })

  test('refuses offsets below the log start, and a chunk that the log start cuts', async () => {
    const name = await newPartition()
    await fillSmall(name)
    const { to } = await sealed(name, 0)
    unwrap(await partition(name).deleteRecords(3))
    expect(await trySealed(name, 2)).toMatchObject({
      error: { code: 'offset_out_of_range', details: { logStartOffset: 3 } },
    })
    expect(codeOf(await trySealed(name, 3))).toBe('not_sealed')
    expect(codeOf(await trySealed(name, to - 1))).toBe('not_sealed')
    expect(await sealed(name, to)).toMatchObject({ from: to, logStartOffset: 3 })
  })

  test('returns nothing above the last stable offset', async () => {
    const name = await newPartition()
    await append(name, largeBatch(70_000))
    const transaction = {
      coordinator: 'id/t',
      transactionalId: 't',
      number: 1,
      version: 1 as const,
    }
    const producer = { producerId: 7n, producerEpoch: 0, baseSequence: 0 }
    const open = largeBatch(70_000, { ...producer, isTransactional: true })
    unwrap(await tryAppend(name, open, { producerRules: 'kafka', transaction }))
    await append(name, largeBatch(70_000))
    expect(await chain(name)).toMatchObject([{ from: 0, to: 1 }])
    const end = { ...producer, number: 1, outcome: 'commit', version: 1 } as const
    unwrap(await partition(name).endTransaction(end))
    expect(await chain(name)).toMatchObject([{ to: 1 }, { to: 2 }, { to: 3 }])
  })

  test('leaves out markers and the records of aborted transactions', async () => {
    const name = await newPartition()
    await append(name, batch(['plain']))
    await transact(name, 'aborted', 'abort', 1)
    await transact(name, 'committed', 'commit', 2)
    const rows = range(Math.ceil((2 * CHECKPOINT_BYTES) / 40_000))
    for (const _ of rows) await append(name, largeBatch(40_000))
    await maintain(name)
    const { from, to, batches } = await sealed(name, 0)
    expect(from).toBe(0)
    expect(to).toBeGreaterThan(5)
    expect((await valuesOf(batches)).slice(0, 2)).toEqual(['plain', 'committed'])
    expect((await valuesOf(batches)).length).toBe(to - 3)
    const readable = (await readAll(name)).subarray(0, batches.length)
    expect(sameBytes(readable, batches)).toBe(true)
  })

  test.each(['compact', 'delete'])(
    'covers a hole only if compaction may have left it: %s',
    async (policy) => {
      const name = await newPartition({ 'cleanup.policy': policy })
      for (const key of range(3)) await append(name, keyed(`${key}`))
      await runInDurableObject(partition(name), (_, { storage }) =>
        storage.sql.exec('DELETE FROM chunk WHERE base_offset = 1'),
      )
      expect(await sealed(name, 0)).toMatchObject({ from: 0, to: 1 })
      expect(await sealed(name, 2)).toMatchObject({ from: 2, to: 3 })
      expect(await read(name, { offset: 1, maxBytes: 1 })).not.toHaveProperty('sealedOffset')
      if (policy === 'delete') expect(codeOf(await trySealed(name, 1))).toBe('not_sealed')
      else expect(await sealed(name, 1)).toMatchObject({ from: 1, to: 3 })
    },
  )

  test('returns unknown_topic_or_partition for a partition that was deleted', async () => {
    const name = await newPartition()
    await append(name, largeBatch(70_000))
    await partition(name).destroy()
    expect(codeOf(await trySealed(name, 0))).toBe('unknown_topic_or_partition')
  })
})

describe('read()', () => {
  test('names the sealed chunk in which it begins, to committed readers', async () => {
    const name = await newPartition()
    await fillSmall(name)
    const { to } = await sealed(name, 0)
    expect(await read(name, { offset: 3, maxBytes: 1 })).toMatchObject({ sealedOffset: 0 })
    expect(await read(name, { offset: to, maxBytes: 1 })).toMatchObject({ sealedOffset: to })
    const { highWatermark } = await read(name)
    for (const other of [
      { offset: highWatermark - 1 },
      { offset: highWatermark },
      { offset: 3, isolation: 'uncommitted' },
      { offset: 3, content: 'stored' },
    ] as const) {
      expect(await read(name, other)).not.toHaveProperty('sealedOffset')
    }
    unwrap(await partition(name).deleteRecords(2))
    expect(await read(name, { offset: 3, maxBytes: 1 })).not.toHaveProperty('sealedOffset')
  })
})
