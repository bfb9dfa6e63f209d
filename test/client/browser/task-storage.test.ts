/** The commits of tasks in the database of a page. */
import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it } from 'vitest'
import { TASK_STATE_BYTES_MAX } from '../../../client/browser/limits.ts'
import { Database } from '../../../client/browser/store/database.ts'
import {
  checkSize,
  type TaskCommit,
  TaskStorage,
} from '../../../client/browser/streams/task-storage.ts'
import { systemClock } from '../../../client/clock.ts'
import { BatchBuilder } from '../../../src/core/batch/batch-builder.ts'
import { MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'

const PLAN = 'the plan'
const HOP = 'app-by-page-repartition'

let made = 0
let database: Database
let storage: TaskStorage

beforeEach(async () => {
  made += 1
  const ignore = () => undefined
  const events = {
    ...{ lost: ignore, outdated: ignore, blocked: ignore },
    ...{ failed: ignore, deleted: ignore },
  }
  database = new Database(`task-storage-${made}`, systemClock, events)
  const session = { database, newProducerId: () => 7n, random: () => 0, now: () => 0 }
  storage = new TaskStorage(session, 'app')
  expect(await storage.savePlan(PLAN, undefined)).toBe(true)
})

function batchOf(...values: readonly string[]): Uint8Array {
  const builder = new BatchBuilder(64)
  for (const text of values) {
    const value = new TextEncoder().encode(text)
    builder.append({ key: null, value, timestamp: 1, headers: [] })
  }
  return builder.finish()
}

function turnOf(turn: number, values: readonly string[] = []): TaskCommit {
  const topics = values.length === 0 ? [] : ['sink', HOP]
  return {
    ...{ task: '0_0', plan: PLAN, positions: [], internal: new Set([HOP]) },
    commit: { turn, bytes: new Uint8Array([turn]), forgetBelow: 0 },
    outgoing: topics.map((topic) => ({ topic, partition: 0, batches: batchOf(...values) })),
    sources: [{ name: 'in', id: 'id-1', partitions: 2, batchBytesMax: 1_000 }],
  }
}

/** Returns the numbers of stored turns, and of the batches in the outbox. */
async function stored(): Promise<readonly [number[], number]> {
  const { turns } = await storage.load('0_0')
  const rows = await database.read(['outbox'], (tx) => tx.objectStore('outbox').count())
  return [turns.map(([turn]) => turn as number), rows]
}

const input = { node: 'by-page', topic: HOP, partition: 0, startOffset: 0 }
const valuesAt = async (offset: number) => {
  const { records, to, isAtEnd } = await storage.fetchHop(input, offset)
  const values = records.map(
    ({ offset: at, value }) => `${at} ${new TextDecoder().decode(value ?? undefined)}`,
  )
  return { values, to, isAtEnd }
}

describe('TaskStorage', () => {
  it('stores a turn with its records as a whole, and refuses one that does not follow the last', async () => {
    await storage.commit(turnOf(1, ['a']))
    for (const turn of [1, 3]) {
      await expect(storage.commit(turnOf(turn, ['b']))).rejects.toMatchObject({
        code: 'unavailable',
      })
    }
    expect(await stored()).toEqual([[1], 1])
    await storage.commit(turnOf(2, ['b']))
    expect(await stored()).toEqual([[1, 2], 2])
    expect(await valuesAt(0)).toEqual({ values: ['0 a', '1 b'], to: 2, isAtEnd: true })
  })

  it('refuses a turn of another plan, and one whose source topic is another now', async () => {
    await database.write(['topics'], (tx) =>
      tx.objectStore('topics').put({ topic: 'in', id: 'id-1', partitions: 3, maxMessageBytes: 9 }),
    )
    await expect(storage.commit(turnOf(1, ['a']))).rejects.toThrow(
      'topic in: it has 3 partitions, and had 2',
    )
    await database.write(['topics'], (tx) =>
      tx.objectStore('topics').put({ topic: 'in', id: 'id-2', partitions: 2, maxMessageBytes: 9 }),
    )
    await expect(storage.commit(turnOf(1, ['a']))).rejects.toThrow(
      'it was deleted and created again',
    )
    expect(await storage.savePlan('another', 'no such plan')).toBe(false)
    expect(await storage.savePlan('another', PLAN)).toBe(true)
    await expect(storage.commit(turnOf(1, ['a']))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await stored()).toEqual([[], 0])
  })

  it('keeps records of a repartition until they are processed, and then the end of the partition', async () => {
    await storage.commit(turnOf(1, ['a', 'b']))
    await storage.commit(turnOf(2, ['c']))
    await storage.commit({ ...turnOf(3), positions: [{ ...input, offset: 1 }] })
    expect((await valuesAt(1)).values).toEqual(['1 b', '2 c'])
    await storage.commit({ ...turnOf(4), positions: [{ ...input, offset: 3 }] })
    expect(await valuesAt(3)).toEqual({ values: [], to: 3, isAtEnd: true })
    await storage.commit(turnOf(5, ['d']))
    expect((await valuesAt(3)).values).toEqual(['3 d'])
  })

  it('deletes what a checkpoint replaces, and everything of its application', async () => {
    const leaf = { store: 'counts', segment: 0, firstKey: '', bytes: new Uint8Array([9]) }
    const commit = (turn: number, checkpoint: NonNullable<TaskCommit['commit']['checkpoint']>) => {
      const one = turnOf(turn)
      return storage.commit({ ...one, commit: { ...one.commit, checkpoint, forgetBelow: turn } })
    }
    await storage.commit(turnOf(1))
    await commit(2, { leaves: [leaf, { ...leaf, segment: 1 }, { ...leaf, segment: 2 }], drops: [] })
    const drops = [{ store: 'counts', belowSegment: 1 }]
    await commit(3, { leaves: [{ ...leaf, segment: 2, bytes: null }], drops })
    const { leaves, turns } = await storage.load('0_0')
    expect([leaves.segments('counts'), leaves.sizeBytes, turns.length]).toEqual([[1], 1, 1])
    await storage.delete()
    expect(await storage.plan()).toBeUndefined()
    expect((await storage.load('0_0')).leaves.sizeBytes).toBe(0)
  })

  it('refuses state that is larger than a page loads, with the name of the task', () => {
    const leaves = new MemoryLeaves()
    const bytes = new Uint8Array(TASK_STATE_BYTES_MAX)
    leaves.put({ store: 's', segment: 0, firstKey: '', bytes })
    checkSize('0_1', leaves)
    leaves.put({ store: 's', segment: 1, firstKey: '', bytes: new Uint8Array(1) })
    expect(() => checkSize('0_1', leaves)).toThrow(
      `task 0_1: its state has over ${TASK_STATE_BYTES_MAX} bytes`,
    )
  })
})
