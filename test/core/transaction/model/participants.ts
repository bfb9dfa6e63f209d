/** The partitions and the group of the model: they change by the real rules. */
import type { PendingOffset } from '../../../../src/core/group/pending/pending-offsets.ts'
import { withoutPending } from '../../../../src/core/group/pending/pending-offsets.ts'
import type { OpenTransaction } from '../../../../src/core/log/transactions.ts'
import { parseTopicName } from '../../../../src/core/topic/topic-name.ts'
import type {
  EndTransactionRequest,
  TransactionTag,
} from '../../../../src/core/transaction/participant-api.ts'
import { config, header } from '../../log/log-batches.ts'
import { ID } from '../records.ts'
import type { Rules } from './rules.ts'
import type { Arrival, Call, GroupState, PartitionState } from './state.ts'

export type SendCall = Extract<Call, { kind: 'add' | 'send' }>

/** The next state, and the error if the call was refused. */
export interface Step<T> {
  readonly next: T
  readonly error?: string
}

const NOW_MS = 1_000
const CONFIG = config({ 'retention.ms': '-1' })

export function tagOf(number: number, version: 1 | 2): TransactionTag {
  return { coordinator: `id/${ID}`, transactionalId: ID, number, version }
}

export function appendTo(
  rules: Rules,
  partition: PartitionState,
  call: SendCall,
  number: number,
  version: 1 | 2,
): Step<PartitionState> {
  const { producerId, producerEpoch, sequence, transaction, to } = call
  const { log, open, producers } = partition
  const fields = { producerId, producerEpoch, baseSequence: sequence, isTransactional: true }
  const decision = rules.decideAppend({
    headers: [header({ ...fields, baseTimestamp: NOW_MS, maxTimestamp: NOW_MS })],
    checks: [{ hasNullKey: false, minTimestamp: NOW_MS, maxTimestamp: NOW_MS }],
    producerRules: 'kafka',
    expectedOffset: undefined,
    logEndOffset: log.length,
    config: CONFIG,
    nowMs: NOW_MS,
    producerState: (id) => producers[String(id)],
    transaction: tagOf(number, version),
    openTransactions: new Map(open.map((one) => [one.producerId, one])),
  })
  if (decision.kind !== 'append') {
    return { next: partition, error: 'error' in decision ? decision.error.code : decision.kind }
  }
  if (decision.placed.every(({ isDuplicate }) => isDuplicate)) return { next: partition }
  const entry = { transaction, value: `${transaction}/${to}/${sequence}`, producerId }
  const changed = [...decision.producers].map(([id, state]) => [String(id), state] as const)
  return {
    next: {
      ...partition,
      log: [...log, entry],
      producers: { ...producers, ...Object.fromEntries(changed) },
      open: [...open, ...decision.opened],
    },
  }
}

export function endInPartition(
  rules: Rules,
  partition: PartitionState,
  request: EndTransactionRequest,
): Step<PartitionState> {
  const { producerId } = request
  const { log, producers } = partition
  const open = partition.open.find((one) => one.producerId === producerId)
  const decision = rules.decideEndInPartition(request, producers[String(producerId)], open, NOW_MS)
  if (decision.kind === 'refuse') return { next: partition, error: decision.error.code }
  if (decision.kind === 'done') return { next: partition }
  const { outcome, producer } = decision
  const isAborted = outcome === 'abort' && open !== undefined
  const aborted = isAborted
    ? [{ producerId, firstOffset: (open as OpenTransaction).firstOffset, lastOffset: log.length }]
    : []
  return {
    next: {
      log: [...log, { producerId, marker: outcome }],
      producers: { ...producers, [String(producerId)]: producer },
      open: partition.open.filter((one) => one !== open),
      aborted: [...partition.aborted, ...aborted],
    },
  }
}

/** Returns what a committed reader has received: entries below the last stable offset without aborted ones. */
export function visibleIn(rules: Rules, { log, open, aborted }: PartitionState) {
  const end = rules.readableEnd(open[0]?.firstOffset, log.length)
  return log.slice(0, end).filter((entry, offset) => {
    if (entry.marker !== undefined) return false
    return !aborted.some(
      (one) =>
        one.producerId === entry.producerId && one.firstOffset <= offset && offset < one.lastOffset,
    )
  })
}

// -- the group ---------------------------------------------------------------------------------

const PLACE = { topicId: 'topic-id', topic: parseTopicName('source'), partition: 0 }

function offsetToCommit(offset: number) {
  return { ...PLACE, offset, leaderEpoch: -1, metadata: '' }
}

export function addToGroup(
  rules: Rules,
  group: GroupState,
  call: SendCall,
  number: number,
  version: 1 | 2,
): Step<GroupState> {
  const { producerId, producerEpoch, transaction } = call
  const arrival = group.arrivals.length + 1
  const request = {
    transaction: { ...tagOf(number, version), producerId, producerEpoch },
    offsets: [offsetToCommit(arrival)],
  }
  try {
    const known = group.producers[String(producerId)]
    const producer = rules.addPending(known, request, arrival, NOW_MS)
    return {
      next: {
        ...group,
        producers: { ...group.producers, [String(producerId)]: producer },
        arrivals: [...group.arrivals, { transaction, offset: arrival }],
      },
    }
  } catch (error) {
    return { next: group, error: (error as { code: string }).code }
  }
}

export function endInGroup(
  rules: Rules,
  group: GroupState,
  request: EndTransactionRequest,
): Step<GroupState> {
  const { producerId, outcome } = request
  const known = group.producers[String(producerId)]
  try {
    const ended = rules.endPending(known, request)
    if (ended === null) return { next: group }
    const [committed] = ended.committed
    const producers = { ...group.producers, [String(producerId)]: ended.producer }
    const pending = known?.open?.offsets.map(({ arrival }) => arrival) ?? []
    const arrivals = group.arrivals.map((one): Arrival => {
      return pending.includes(one.offset) ? { ...one, ended: outcome } : one
    })
    if (committed === undefined) return { next: { ...group, producers, arrivals } }
    return { next: commitOffset(rules, { ...group, producers, arrivals }, committed) }
  } catch (error) {
    return { next: group, error: (error as { code: string }).code }
  }
}

export function plainCommit(rules: Rules, group: GroupState): GroupState {
  const arrival = group.arrivals.length + 1
  const arrivals = [...group.arrivals, { offset: arrival }]
  return commitOffset(rules, { ...group, arrivals }, { ...offsetToCommit(arrival), arrival })
}

/** Commits an offset, and drops the pending ones that arrived before it. */
function commitOffset(rules: Rules, group: GroupState, committed: PendingOffset): GroupState {
  const producers = Object.entries(group.producers).map(([id, producer]) => {
    const isDropped = (one: PendingOffset) => rules.isSuperseded(one, committed.arrival)
    return [id, withoutPending(producer, isDropped) ?? producer]
  })
  return { ...group, producers: Object.fromEntries(producers), committed: committed.offset }
}
