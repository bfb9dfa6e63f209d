/** Schema steps, on the storage of a partition that was never configured. */
import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { hasTable, migrate, type SchemaStep } from '../../durable-objects/migrate.ts'

const FIRST = 'CREATE TABLE IF NOT EXISTS box (id INTEGER PRIMARY KEY, size INTEGER NOT NULL)'
const SECOND: SchemaStep = (sql) => {
  sql.exec('ALTER TABLE box ADD COLUMN unit TEXT')
  sql.exec("UPDATE box SET unit = 'mm'")
}

afterEach(() => reset())

async function inStorage(work: (storage: DurableObjectStorage) => void): Promise<void> {
  const stub = env.PARTITION.getByName('migrate')
  await runInDurableObject(stub, (_, { storage }) => work(storage))
}

const boxes = ({ sql }: DurableObjectStorage) => sql.exec('SELECT * FROM box').toArray()

test('runs each step once, in order', async () => {
  await inStorage((storage) => {
    migrate(storage, [FIRST])
    storage.sql.exec('INSERT INTO box (id, size) VALUES (1, 5)')
    for (const _ of [1, 2]) migrate(storage, [FIRST, SECOND])
    expect(boxes(storage)).toEqual([{ id: 1, size: 5, unit: 'mm' }])
  })
})

test('accepts tables that have no version yet', async () => {
  await inStorage((storage) => {
    storage.sql.exec(FIRST)
    storage.sql.exec('INSERT INTO box (id, size) VALUES (1, 5)')
    migrate(storage, [FIRST, SECOND])
    expect(boxes(storage)).toEqual([{ id: 1, size: 5, unit: 'mm' }])
  })
})

test('leaves no effect of any step if one fails', async () => {
  await inStorage((storage) => {
    migrate(storage, [FIRST])
    const failing: SchemaStep = () => {
      throw new Error('half way')
    }
    expect(() => migrate(storage, [FIRST, SECOND, failing])).toThrow('half way')
    storage.sql.exec('INSERT INTO box (id, size) VALUES (1, 5)')
    migrate(storage, [FIRST, SECOND])
    expect(boxes(storage)).toEqual([{ id: 1, size: 5, unit: 'mm' }])
  })
})

test('does not touch tables of a later release', async () => {
  await inStorage((storage) => {
    migrate(storage, [FIRST, SECOND])
    expect(() => migrate(storage, [FIRST])).toThrow('the schema is 2, of a later release')
  })
})

test('writes nothing when it only reads', async () => {
  await inStorage((storage) => {
    expect(hasTable(storage.sql, 'box')).toBe(false)
    expect(storage.sql.exec('SELECT name FROM sqlite_master').toArray()).toEqual([])
  })
})
