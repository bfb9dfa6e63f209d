import { runInDurableObject } from 'cloudflare:test'
import { vi } from 'vitest'

/**
 * Counts the rows that any object writes from now on, including alarms, until `vi.restoreAllMocks()`.
 *
 * @param stub of any object: the interception is in the shared prototype.
 */
export async function countRowsWritten(stub: DurableObjectStub<undefined>): Promise<() => number> {
  let rows = 0
  await runInDurableObject(stub, (_, { storage }) => {
    const sql = Object.getPrototypeOf(storage.sql) as SqlStorage
    const exec = sql.exec
    vi.spyOn(sql, 'exec').mockImplementation(function (this: SqlStorage, query, ...bindings) {
      const cursor = exec.call(this, query, ...bindings)
      // A statement that writes has done so before its cursor is read.
      rows += cursor.rowsWritten
      return cursor as never
    })
    const alarms = Object.getPrototypeOf(storage) as DurableObjectStorage
    const setAlarm = alarms.setAlarm
    vi.spyOn(alarms, 'setAlarm').mockImplementation(function (this: DurableObjectStorage, time) {
      rows += 1
      return setAlarm.call(this, time)
    })
  })
  return () => rows
}
