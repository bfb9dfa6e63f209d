import 'fake-indexeddb/auto'
import { deleteDB, openDB } from 'idb'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { STORAGE_ATTEMPTS_MAX } from '../../../client/browser/limits.ts'
import { Database } from '../../../client/browser/store/database.ts'
import { SCHEMA_VERSION } from '../../../client/browser/store/schema.ts'
import { systemClock } from '../../../client/clock.ts'

let made = 0
let name = ''
let events: string[] = []

function open(): Database {
  return new Database(name, systemClock, {
    lost: () => events.push('lost'),
    outdated: () => events.push('outdated'),
    blocked: () => events.push('blocked'),
    failed: () => events.push('failed'),
    deleted: () => events.push('deleted'),
  })
}

async function put(database: Database, value: number): Promise<void> {
  await database.write(['meta'], (tx) => tx.objectStore('meta').put(value, 'value'))
}

async function get(database: Database): Promise<unknown> {
  return await database.read(['meta'], (tx) => tx.objectStore('meta').get('value'))
}

beforeEach(() => {
  made += 1
  name = `database-${made}`
  events = []
})

describe('the database of a client', () => {
  it('keeps what one handle wrote for the next', async () => {
    const first = open()
    await put(first, 1)
    await first.close()
    expect(await get(open())).toBe(1)
  })

  it('stores nothing of a transaction whose work fails, and still works afterwards', async () => {
    const database = open()
    await put(database, 1)
    const failing = database.write(['meta'], async (tx) => {
      await tx.objectStore('meta').put(2, 'value')
      throw new TypeError('half way')
    })
    await expect(failing).rejects.toThrow('half way')
    expect(await get(database)).toBe(1)
  })

  it('reopens a connection that was closed by the browser, and runs the work once', async () => {
    const database = open()
    await put(database, 1)
    let runs = 0
    await database.write(['meta'], async (tx) => {
      runs += 1
      await tx.objectStore('meta').put(runs, 'value')
      if (runs === 1) {
        tx.db.close()
        tx.abort()
      }
    })
    expect(await get(database)).toBe(2)
    expect(events).toEqual([])
  })

  it('runs the work when its connection is closed twice in a row', async () => {
    const database = open()
    let runs = 0
    await database.write(['meta'], async (tx) => {
      runs += 1
      await tx.objectStore('meta').put(runs, 'value')
      if (runs > 2) return
      tx.db.close()
      tx.abort()
    })
    expect(await get(database)).toBe(3)
    expect(events).toEqual([])
  })

  it('fails after a closed connection at every attempt', async () => {
    const database = open()
    let runs = 0
    const work = database.write(['meta'], async (tx) => {
      runs += 1
      tx.abort()
    })
    await expect(work).rejects.toMatchObject({ code: 'storage_failed' })
    expect(runs).toBe(STORAGE_ATTEMPTS_MAX)
  })

  it('reports each failure to open', async () => {
    const opening = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('Connection to Indexed Database server lost', 'UnknownError')
    })
    const database = open()
    await expect(put(database, 1)).rejects.toMatchObject({ code: 'storage_failed' })
    expect(events.length).toBeGreaterThan(0)
    expect(new Set(events)).toEqual(new Set(['failed']))
    opening.mockRestore()
    await put(database, 1)
    expect(await get(database)).toBe(1)
  })

  it('reports a loss when another database is found in its place', async () => {
    const database = open()
    await put(database, 1)
    await database.read(['meta'], async (tx) => tx.db.close())
    await deleteDB(name)
    expect(await get(database)).toBeUndefined()
    expect(events).toEqual(['lost'])
  })

  it('opens a database of version 2 with its data, and adds the store of streams', async () => {
    const old = await openDB(name, 2, {
      upgrade: (db) => void db.createObjectStore('meta').put(7, 'value'),
    })
    expect([...old.objectStoreNames]).toEqual(['meta'])
    old.close()
    const database = open()
    expect(await get(database)).toBe(7)
    await database.write(['streams'], (tx) =>
      tx.objectStore('streams').put('a plan', ['plan', 'a']),
    )
    const plan = await database.read(['streams'], (tx) =>
      tx.objectStore('streams').get(['plan', 'a']),
    )
    expect(plan).toBe('a plan')
  })

  it('closes for a newer version, and reports it', async () => {
    const old = open()
    await put(old, 1)
    const newer = await openDB(name, SCHEMA_VERSION + 1)
    expect(events).toEqual(['outdated'])
    await expect(put(old, 2)).rejects.toMatchObject({ code: 'storage_failed' })
    newer.close()
  })

  it('closes when another tab deletes it, and reports it', async () => {
    const database = open()
    await put(database, 1)
    await deleteDB(name)
    expect(events).toEqual(['deleted'])
    await expect(get(database)).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('reads the data of a newer version, and writes nothing', async () => {
    const newer = await openDB(name, SCHEMA_VERSION + 1, {
      upgrade: (db) => void db.createObjectStore('meta').put(7, 'value'),
    })
    newer.close()
    const database = open()
    expect(await get(database)).toBe(7)
    expect(events).toEqual(['outdated'])
    await expect(put(database, 8)).rejects.toMatchObject({ code: 'storage_failed' })
    expect(await get(database)).toBe(7)
  })

  it('rejects work after close', async () => {
    const database = open()
    await put(database, 1)
    await database.close()
    await expect(get(database)).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
