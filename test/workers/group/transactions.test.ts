/**
 * Question: does the object of a group keep the offsets of transactions apart until they end, across evictions?
 * Contract: docs/PROTOCOL.md on transactions; the checks of members are Kafka's for TxnOffsetCommit.
 */
import { reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CommittedOffset, CommittingMember } from '../../../src/core/group/group-api.ts'
import type { GroupId } from '../../../src/core/group/group-id.ts'
import {
  EMPTY_GROUP_KEPT_MS,
  ENDED_PRODUCER_KEPT_MS,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
  ONE_SHOT_DEADLINE_MS,
  ONE_SHOT_QUESTION_MS,
  OPEN_TRANSACTION_QUESTION_MS,
  QUESTION_RETRY_MS,
} from '../../../src/core/limits.ts'
import {
  ONE_SHOT_PRODUCER_ID_MIN,
  type TransactionOutcome,
} from '../../../src/core/transaction/participant-api.ts'
import { countRowsWritten } from '../count-rows.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  codeOf,
  commitRequest,
  committed,
  createTopic,
  evict,
  execute,
  group,
  Member,
  newGroupId,
  ok,
  runAlarm,
  settle,
  tryCommit,
} from './group-for-test.ts'

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

interface Transaction {
  readonly number?: number
  readonly producerId?: bigint
  readonly producerEpoch?: number
  readonly deadlineMs?: number | undefined
}

type Offsets = ReadonlyArray<readonly [topicId: string, partition: number, offset: number]>

function pendingRequest(
  groupId: GroupId,
  offsets: Offsets,
  { number = 1, producerId = 7n, producerEpoch = 0, deadlineMs }: Transaction = {},
  member: CommittingMember | null = null,
) {
  const transaction = {
    ...{ coordinator: 'id/t', transactionalId: 't', number, version: 1 as const },
    ...{ producerId, producerEpoch },
    ...(deadlineMs !== undefined && { deadlineMs }),
  }
  return { ...commitRequest(groupId, member, offsets), transaction }
}

async function pend(
  groupId: GroupId,
  offsets: Offsets,
  transaction: Transaction = {},
  member: CommittingMember | null = null,
): Promise<string> {
  const request = pendingRequest(groupId, offsets, transaction, member)
  return codeOf(await group(groupId).commitOffsets(request))
}

async function end(
  groupId: GroupId,
  outcome: TransactionOutcome,
  { number = 1, producerId = 7n, producerEpoch = 0 }: Transaction = {},
): Promise<string> {
  const request = { producerId, producerEpoch, version: 1 as const, number, outcome }
  return codeOf(await group(groupId).endTransaction(request))
}

/** Returns the partitions that an open transaction may change. */
async function unstable(groupId: GroupId, topics?: readonly string[]): Promise<string[]> {
  const request = { requireStable: true, ...(topics && { topics }) }
  const offsets = ok<readonly CommittedOffset[]>(await group(groupId).fetchOffsets(request))
  return offsets
    .filter(({ isUnstable }) => isUnstable)
    .map(({ topicId, partition }) => `${topicId}/${partition}`)
}

/** Makes coordinators of transactional ids respond to questions, or fail; returns the questions. */
function interceptFates(fate: () => unknown): unknown[][] {
  const questions: unknown[][] = []
  const namespace = Object.getPrototypeOf(env.TRANSACTION) as DurableObjectNamespace
  const { getByName } = namespace
  vi.spyOn(namespace, 'getByName').mockImplementation(function (
    this: DurableObjectNamespace,
    name,
    options,
  ) {
    if (!/^(id|one-shot)\//.test(name)) return getByName.call(this, name, options)
    const fateOf = async (...question: unknown[]) => {
      questions.push([name, ...question])
      return fate()
    }
    return { fateOf } as unknown as DurableObjectStub
  })
  return questions
}

describe('offsets of a transaction', () => {
  test('count once it is committed, also across evictions', async () => {
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    expect(
      await pend(id, [
        ['x', 0, 5],
        ['x', 1, 6],
      ]),
    ).toBe('ok')
    expect(await pend(id, [['y', 0, 7]])).toBe('ok')
    await evict(id)
    expect(await committed(id)).toEqual({ 'x/0': 1 })
    expect(await unstable(id)).toEqual(['x/0', 'x/1', 'y/0'])
    expect(await unstable(id, ['y', 'z'])).toEqual(['y/0'])
    expect(await end(id, 'commit')).toBe('ok')
    expect(await committed(id)).toEqual({ 'x/0': 5, 'x/1': 6, 'y/0': 7 })
    expect(await unstable(id)).toEqual([])
    await evict(id)
    expect(await committed(id)).toEqual({ 'x/0': 5, 'x/1': 6, 'y/0': 7 })
  })

  test('are dropped when it is aborted', async () => {
    const id = newGroupId()
    expect(await pend(id, [['x', 0, 5]])).toBe('ok')
    expect(await end(id, 'abort')).toBe('ok')
    await evict(id)
    expect(await committed(id)).toEqual({})
    expect(await unstable(id)).toEqual([])
  })

  test('are refused after it has ended, and its marker may be repeated', async () => {
    const id = newGroupId()
    expect(await pend(id, [['x', 0, 5]], { number: 3 })).toBe('ok')
    expect(await end(id, 'commit', { number: 3 })).toBe('ok')
    await evict(id)
    expect(await end(id, 'commit', { number: 3 })).toBe('ok')
    expect(await pend(id, [['x', 0, 6]], { number: 3 })).toBe('invalid_txn_state')
    expect(await end(id, 'abort', { number: 2 })).toBe('transaction_coordinator_fenced')
    expect(await pend(id, [['x', 0, 8]], { number: 4 })).toBe('ok')
    expect(await end(id, 'commit', { number: 4 })).toBe('ok')
    expect(await committed(id)).toEqual({ 'x/0': 8 })
  })

  test('lose against a commit that arrives after them, and win over one before them in one turn', async () => {
    const id = newGroupId()
    expect(await pend(id, [['x', 0, 5]])).toBe('ok')
    const codes = await runInDurableObject(group(id), async (instance) => {
      const results = await Promise.all([
        // Written alone: the others are decided together after it.
        instance.commitOffsets(commitRequest(id, null, [['z', 0, 1]])),
        instance.commitOffsets(commitRequest(id, null, [['x', 1, 1]])),
        instance.commitOffsets(pendingRequest(id, [['x', 1, 6]])),
        instance.commitOffsets(commitRequest(id, null, [['x', 0, 9]])),
      ])
      return results.map(codeOf)
    })
    expect(codes).toEqual(['ok', 'ok', 'ok', 'ok'])
    expect(await unstable(id)).toEqual(['x/1'])
    expect(await end(id, 'commit')).toBe('ok')
    expect(await committed(id)).toEqual({ 'x/0': 9, 'x/1': 6, 'z/0': 1 })
  })

  test('cost one row, and as many rows as offsets at the end', async () => {
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    const rowsWritten = await countRowsWritten(group(id))
    expect(
      await pend(id, [
        ['x', 0, 5],
        ['x', 1, 6],
      ]),
    ).toBe('ok')
    const pendingRows = rowsWritten()
    expect(await end(id, 'commit')).toBe('ok')
    expect(pendingRows).toBeLessThanOrEqual(2)
    expect(rowsWritten() - pendingRows).toBeLessThanOrEqual(3)
  })

  test('go with the offsets of a deleted topic and of a deleted group', async () => {
    const id = newGroupId()
    const offsets = [
      ['x', 0, 5],
      ['x', 1, 5],
      ['y', 0, 5],
    ] as const
    expect(await pend(id, offsets)).toBe('ok')
    expect(codeOf(await group(id).deleteOffsets('x', 1))).toBe('ok')
    expect(await unstable(id)).toEqual(['x/0', 'y/0'])
    expect(codeOf(await group(id).forgetTopics(['x']))).toBe('ok')
    expect(await unstable(id)).toEqual(['y/0'])
    expect(codeOf(await group(id).deleteGroup())).toBe('ok')
    expect(await end(id, 'commit')).toBe('group_id_not_found')
    expect(codeOf(await tryCommit(id, null, [['z', 0, 1]]))).toBe('ok')
    expect(await unstable(id)).toEqual([])
    expect(await committed(id)).toEqual({ 'z/0': 1 })
  })
})

describe('the life of a group', () => {
  test('is not over while offsets are pending', async () => {
    const id = newGroupId()
    expect(await pend(id, [['x', 0, 5]])).toBe('ok')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + EMPTY_GROUP_KEPT_MS + 1 })
    await runAlarm(id)
    expect(await end(id, 'abort')).toBe('ok')
    await runAlarm(id)
    expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
  })

  test('keeps an offset that an open transaction may change', async () => {
    interceptFates(() => ({ ok: 'pending' }))
    const id = newGroupId()
    expect(
      codeOf(
        await tryCommit(id, null, [
          ['x', 0, 1],
          ['x', 1, 1],
        ]),
      ),
    ).toBe('ok')
    expect(await pend(id, [['x', 0, 5]])).toBe('ok')
    const retentionMs = OFFSETS_RETENTION_MINUTES_DEFAULT * 60_000
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + retentionMs + 1 })
    await runAlarm(id)
    expect(await committed(id)).toEqual({ 'x/0': 1 })
  })

  test('keeps the last transaction of a producer for a week, and nothing of a transaction in one call', async () => {
    const id = newGroupId()
    const oneShot = { producerId: ONE_SHOT_PRODUCER_ID_MIN }
    expect(await pend(id, [['x', 0, 5]])).toBe('ok')
    expect(await pend(id, [['x', 1, 5]], oneShot)).toBe('ok')
    expect(await end(id, 'commit')).toBe('ok')
    expect(await end(id, 'commit', oneShot)).toBe('ok')
    const producers = async () =>
      (await execute(id, 'SELECT producer_id FROM pending_offset')).length
    expect(await producers()).toBe(1)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ENDED_PRODUCER_KEPT_MS - 60_000 })
    await runAlarm(id)
    expect(await producers()).toBe(1)
    vi.setSystemTime(Date.now() + 120_000)
    expect(codeOf(await tryCommit(id, null, [['y', 0, 1]]))).toBe('ok')
    await runAlarm(id)
    expect(await producers()).toBe(0)
  })
})

describe('a transaction that stays open', () => {
  /** Opens a transaction, and runs the alarm when a question is due. */
  async function askLater(id: GroupId, afterMs: number, transaction: Transaction): Promise<void> {
    const startMs = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: startMs })
    expect(codeOf(await tryCommit(id, null, [['y', 0, 1]]))).toBe('ok')
    expect(await pend(id, [['x', 0, 5]], transaction)).toBe('ok')
    expect(await alarmTime(id)).toBeLessThanOrEqual(startMs + afterMs)
    vi.setSystemTime(startMs + afterMs - 1)
    await runAlarm(id)
    expect(await unstable(id)).toEqual(['x/0'])
    vi.setSystemTime(startMs + afterMs)
    await evict(id)
    await runAlarm(id)
  }

  test.each([
    [OPEN_TRANSACTION_QUESTION_MS, 7n, undefined],
    [ONE_SHOT_DEADLINE_MS + ONE_SHOT_QUESTION_MS, ONE_SHOT_PRODUCER_ID_MIN, ONE_SHOT_DEADLINE_MS],
  ])(
    'is dropped after %i ms if its coordinator does not have it',
    async (afterMs, producerId, leftMs) => {
      const questions = interceptFates(() => ({ ok: 'unknown' }))
      const id = newGroupId()
      const nowMs = Date.now()
      vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
      const deadlineMs = leftMs === undefined ? undefined : nowMs + leftMs
      await askLater(id, afterMs, { producerId, number: 3, deadlineMs })
      expect(questions).toEqual([['id/t', producerId, 't', 3]])
      expect(await unstable(id)).toEqual([])
      expect(await committed(id)).toEqual({ 'y/0': 1 })
    },
  )

  test.each([
    ['its coordinator has it', () => ({ ok: 'pending' })],
    [
      'its coordinator does not respond',
      () => {
        throw new Error('injected: no response')
      },
    ],
  ])('is kept while %s, and asked about again', async (_, fate) => {
    const questions = interceptFates(fate)
    const id = newGroupId()
    await askLater(id, OPEN_TRANSACTION_QUESTION_MS, {})
    expect(questions).toHaveLength(1)
    expect(await unstable(id)).toEqual(['x/0'])
    await runAlarm(id)
    expect(questions).toHaveLength(1)
    expect(await alarmTime(id)).toBeLessThanOrEqual(Date.now() + QUESTION_RETRY_MS)
    vi.setSystemTime(Date.now() + QUESTION_RETRY_MS)
    await runAlarm(id)
    expect(questions).toHaveLength(2)
    expect(await end(id, 'commit')).toBe('ok')
    expect(await committed(id)).toEqual({ 'x/0': 5, 'y/0': 1 })
  })
})

describe('a commit in a transaction', () => {
  const someone = { memberId: 'm', epoch: 1, instanceId: null }

  test('creates a group, except for a member with a generation', async () => {
    const id = newGroupId()
    expect(await pend(id, [['x', 0, 5]], {}, someone)).toBe('illegal_generation')
    expect(await pend(id, [['x', 0, 5]], {}, { ...someone, epoch: -1 })).toBe('ok')
    expect(await pend(id, [['x', 0, 5]], {}, someone)).toBe('unknown_member_id')
    expect(await pend(newGroupId(), [['x', 0, 5]])).toBe('ok')
  })

  test('is checked against the members of KIP-848, if it names one', async () => {
    const { id: topicId } = await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    const by = (member: CommittingMember | null) => pend(id, [[topicId, 0, 5]], {}, member)
    expect(await by(null)).toBe('ok')
    expect(await by(one.committing)).toBe('ok')
    expect(await by({ ...one.committing, epoch: one.epoch + 1 })).toBe('illegal_generation')
    expect(await by({ ...one.committing, epoch: -1 })).toBe('illegal_generation')
    expect(await by(someone)).toBe('unknown_member_id')
    expect(await by({ ...someone, epoch: -1 })).toBe('unknown_member_id')
  })

  test('is checked against the members of the classic protocol, also during a rebalance', async () => {
    const id = newGroupId()
    const joined = ok<{ memberId: string; generation: number }>(
      await group(id).joinGroup({
        ...{ groupId: id, memberId: '', instanceId: 'i', clientId: 'c', clientHost: '' },
        ...{ sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, protocolType: 'consumer' },
        ...{ protocols: [{ name: 'range', metadata: new Uint8Array() }] },
        ...{ requiresKnownMemberId: false, supportsSkippingAssignment: false },
      }),
    )
    // The leader has not sent its assignment yet: other commits get `rebalance_in_progress`.
    const { memberId, generation: epoch } = joined
    const member = { memberId, epoch, instanceId: 'i' }
    const by = (changes: Partial<CommittingMember>) =>
      pend(id, [['x', 0, 5]], {}, { ...member, ...changes })
    expect(codeOf(await tryCommit(id, member, [['x', 0, 5]]))).toBe('rebalance_in_progress')
    expect(await by({})).toBe('ok')
    expect(await by({ epoch: epoch + 1 })).toBe('illegal_generation')
    expect(await by({ epoch: -1 })).toBe('illegal_generation')
    expect(await by({ memberId: 'other' })).toBe('fenced_instance_id')
    expect(await by({ memberId: 'other', instanceId: null })).toBe('unknown_member_id')
    expect(await pend(id, [['x', 0, 5]])).toBe('ok')
  })

  test('is refused with an epoch that was replaced', async () => {
    const id = newGroupId()
    expect(await pend(id, [['x', 0, 5]], { producerEpoch: 4 })).toBe('ok')
    expect(await end(id, 'abort', { producerEpoch: 5 })).toBe('ok')
    const late = { number: 2, producerEpoch: 4 }
    expect(await pend(id, [['x', 0, 5]], late)).toBe('invalid_producer_epoch')
  })
})
