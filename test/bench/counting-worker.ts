/** edgelog with a meter: counts the rows its partitions write, which is what the platform bills. */
import { Coordinator } from '../../durable-objects/coordinator/coordinator.ts'
import { Group } from '../../durable-objects/group/group.ts'
import { Partition as PlainPartition } from '../../durable-objects/partition/partition.ts'
import { createApp } from '../../src/http/app.ts'

let rowsWritten = 0

export class Partition extends PlainPartition {
  constructor(ctx: DurableObjectState, env: unknown) {
    const { sql } = ctx.storage
    const exec = sql.exec.bind(sql)
    sql.exec = ((query: string, ...bindings: SqlStorageValue[]) => {
      const cursor = exec(query, ...bindings)
      rowsWritten += cursor.rowsWritten
      return cursor
    }) as typeof sql.exec
    const setAlarm = ctx.storage.setAlarm.bind(ctx.storage)
    ctx.storage.setAlarm = async (...args) => {
      rowsWritten += 1
      await setAlarm(...args)
    }
    super(ctx, env)
  }
}

export { Coordinator, Group }

const app = createApp()
app.get('/rows-written', (c) => c.json({ rowsWritten }))
export default app
