/** Compares the heartbeat and commit rates of one group with the call rate of a no-op object. */
import { type Case, type Comparison, compare, type Loads } from './compare.ts'
import { type Member, Members } from './group-members.ts'
import { type Call, postJson } from './http-load.ts'
import { BATCH, batchOf } from './throughput.ts'

const MEMBERS = 100
const COUNT = 4_000
const IN_FLIGHT = 32
/** Bytes for more records than a round commits of one partition. */
const LOG_BYTES = 10_000

export async function compareGroupRates(
  loads: Loads,
  topic: string,
  partitions: number,
  rounds: number,
): Promise<Comparison[]> {
  const group = new Members(loads.ours, 'rates', topic, partitions)
  group.join(MEMBERS)
  await group.settled()
  const members = group.all
  const body = batchOf(LOG_BYTES)
  await loads.ours.rate(MEMBERS, 1, (index) => ({
    method: 'POST',
    path: `/v1/topics/${topic}/partitions/${at(members, index).partitions[0]}/records`,
    body,
    headers: { 'Content-Type': BATCH },
  }))
  // The members still send their own heartbeats meanwhile, 20 a second in total, to stay in the group.
  const comparisons = await compare(
    loads,
    [
      groupCase('heartbeats of 100 settled members', (index) =>
        postJson(`${group.path}/heartbeat`, at(members, index).heartbeat),
      ),
      groupCase('commits of one partition each by 100 members', (index) =>
        commitOf(group, at(members, index), topic, Math.floor(index / MEMBERS)),
      ),
    ],
    rounds,
  )
  await group.leaveAll()
  return comparisons
}

/** Returns the call that commits `offset` for the first partition of the member. */
export function commitOf({ path }: Members, member: Member, topic: string, offset: number): Call {
  const { memberId, memberEpoch, partitions } = member
  const offsets = [{ topic, partition: partitions[0], offset }]
  return postJson(`${path}/offsets`, { memberId, memberEpoch, offsets })
}

function groupCase(figure: string, ours: (index: number) => Call): Case {
  return {
    figure: `${figure}, ${IN_FLIGHT} in flight, beside a no-op Durable Object`,
    target: '',
    count: COUNT,
    inFlight: IN_FLIGHT,
    weight: 1,
    ours,
    floor: (index) => ({ ...ours(index), path: '/noop' }),
  }
}

function at(members: readonly Member[], index: number): Member {
  const member = members[index % members.length]
  if (member === undefined) throw new Error('the group has no members')
  return member
}
