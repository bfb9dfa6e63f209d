/** Rows that a group writes: while nothing happens, and for commits that meet. */
import type { ServerProcess } from '../server/server-process.ts'
import type { RowsWritten } from './counting-worker.ts'
import { Members } from './group-members.ts'
import { commitOf } from './group-rates.ts'
import { HttpLoad } from './http-load.ts'
import { BATCH, batchOf, createTopic } from './throughput.ts'

const MEMBERS = 100
const COMMITS = 3_200
const IN_FLIGHT = 32
/** Holds as many records as are committed. */
const LOG_BYTES = COMMITS * 150
const TOPIC = 'idle'

export interface GroupRowFigures {
  readonly idleSeconds: number
  /** Of the group and of the coordinator, without alarms. */
  readonly idleRows: number
  /** Alarms that were set meanwhile: by the one that the joins have set. */
  readonly idleAlarms: number
  readonly perCommit: number
}

/** @param server runs the counting Worker */
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
  const perCommit = await measureMeetingCommits(load, group)
  await group.leaveAll()
  return {
    idleSeconds,
    idleRows: after.rows - before.rows,
    idleAlarms: after.alarms - before.alarms,
    perCommit,
  }
}

async function measureMeetingCommits(load: HttpLoad, group: Members): Promise<number> {
  const [member] = group.all
  if (member === undefined) throw new Error('a group that is measured has members')
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

/** By the group, and by the coordinator on its behalf. */
async function rowsWritten(load: HttpLoad): Promise<{ rows: number; alarms: number }> {
  const answer = await load.call({ method: 'GET', path: '/rows-written' })
  const { group, coordinator }: RowsWritten = JSON.parse(answer.toString())
  return { rows: group.rows + coordinator.rows, alarms: group.alarms + coordinator.alarms }
}
