/** Counts the rows that a group writes: while it is idle, and for concurrent commits. */
import type { ServerProcess } from '../server/server-process.ts'
import type { RowsWritten } from './counting-worker.ts'
import { Members } from './group-members.ts'
import { commitOf } from './group-rates.ts'
import { HttpLoad } from './http-load.ts'
import { BATCH, batchOf, createTopic } from './throughput.ts'

const MEMBERS = 100
const COMMITS = 3_200
const IN_FLIGHT = 32
/** Bytes for at least as many records as are committed. */
const LOG_BYTES = COMMITS * 150
const TOPIC = 'idle'

export interface GroupRowFigures {
  readonly idleSeconds: number
  /** Rows of the group and of the coordinator, without alarms. */
  readonly idleRows: number
  /** Alarms set during the idle time, by the alarm that the joins have set. */
  readonly idleAlarms: number
  readonly perCommit: number
}

/** Measures a group of 100 members. @param server runs the counting Worker */
export async function measureGroupRows(
  server: ServerProcess,
  idleSeconds: number,
): Promise<GroupRowFigures> {
  const load = new HttpLoad(server.url)
  await load.call(createTopic(TOPIC, MEMBERS))
  const group = new Members(load, 'idle', TOPIC, MEMBERS)
  group.join(MEMBERS)
  await group.settled()
  const before = await rowsWritten(load)
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000))
  const after = await rowsWritten(load)
  await group.settled()
  const perCommit = await measureConcurrentCommits(load, group)
  await group.leaveAll()
  return {
    idleSeconds,
    idleRows: after.rows - before.rows,
    idleAlarms: after.alarms - before.alarms,
    perCommit,
  }
}

async function measureConcurrentCommits(load: HttpLoad, group: Members): Promise<number> {
  const [member] = group.all
  if (member === undefined) throw new Error('the group has no members')
  await load.call({
    method: 'POST',
    path: `/v1/topics/${TOPIC}/partitions/${member.partitions[0]}/records`,
    body: batchOf(LOG_BYTES),
    headers: { 'Content-Type': BATCH },
  })
  const before = await rowsWritten(load)
  await load.rate(COMMITS, IN_FLIGHT, (offset) => commitOf(group, member, TOPIC, offset))
  return ((await rowsWritten(load)).rows - before.rows) / COMMITS
}

/** Returns the rows and alarms of the group, plus those of the coordinator. */
async function rowsWritten(load: HttpLoad): Promise<{ rows: number; alarms: number }> {
  const answer = await load.call({ method: 'GET', path: '/rows-written' })
  const { group, coordinator }: RowsWritten = JSON.parse(answer.toString())
  return { rows: group.rows + coordinator.rows, alarms: group.alarms + coordinator.alarms }
}
