/**
 * The world of the model: one transactional id, some producers of it, two partitions and a group, and the calls that
 * are under way. Plain data, so that two states can be compared; the real rules of the product change it.
 *
 * The coordinator has two fields, its memory and its row: a crash keeps the row alone. Participants
 * decide and write in one turn, so theirs is one.
 */
import type { ProducerOffsets } from '../../../../src/core/group/pending/pending-offsets.ts'
import type { ProducerState } from '../../../../src/core/log/producer-state.ts'
import type { AbortedTransaction, OpenTransaction } from '../../../../src/core/log/transactions.ts'
import type {
  EndTransactionRequest,
  ProducerIdAndEpoch,
  TransactionOutcome,
} from '../../../../src/core/transaction/participant-api.ts'
import type { TransactionRecord } from '../../../../src/core/transaction/transaction-record.ts'

export type PartitionName = 'p0' | 'p1'
export type ParticipantName = PartitionName | 'group'

/** A step of a producer's program: a record or offset for a participant, or the end of the transaction. */
export type Op = ParticipantName | TransactionOutcome

export interface Entry {
  /** The transaction as its client counts it; undefined for a marker. */
  readonly transaction?: string
  readonly value?: string
  readonly producerId: bigint
  readonly marker?: TransactionOutcome
}

export interface PartitionState {
  readonly log: readonly Entry[]
  readonly producers: Readonly<Record<string, ProducerState>>
  /** In the order of their first offsets. */
  readonly open: readonly OpenTransaction[]
  readonly aborted: readonly AbortedTransaction[]
}

/** An accepted commit of the group's one offset, in the order of arrival. */
export interface Arrival {
  /** Undefined for a commit without a transaction. */
  readonly transaction?: string
  readonly offset: number
  readonly ended?: TransactionOutcome
}

export interface GroupState {
  readonly producers: Readonly<Record<string, ProducerOffsets>>
  readonly committed: number | null
  readonly arrivals: readonly Arrival[]
}

export interface CoordinatorState {
  readonly row: TransactionRecord | undefined
  readonly memory: TransactionRecord | undefined
  /** The participants that have not ended the decided transaction; undefined if it is complete. */
  readonly left: readonly ParticipantName[] | undefined
}

interface CallBase extends ProducerIdAndEpoch {
  /** Index of the producer that waits for the response; -1 if none waits any more. */
  readonly from: number
  readonly transaction: string
  /** Numbers the connections of the client, for version 1: it makes a new one after a call that it gave up. */
  readonly connection: number
}

export type Call =
  /** With a producer that continues, as KIP-360 has it. */
  | { readonly kind: 'init'; readonly from: number; readonly producer?: ProducerIdAndEpoch }
  | (CallBase & {
      readonly kind: 'add' | 'send'
      readonly to: ParticipantName
      readonly sequence: number
      /** Set once the coordinator returned it. */
      readonly number?: number
    })
  | (CallBase & { readonly kind: 'end'; readonly outcome: TransactionOutcome })
  | {
      readonly kind: 'marker'
      readonly from: -1
      readonly to: ParticipantName
      readonly request: EndTransactionRequest
    }
  | { readonly kind: 'plain commit'; readonly from: -1 }

export type Fate = 'open' | 'commit requested' | 'committed' | 'aborted'

export interface ProducerProgress {
  /** Undefined before its first response. */
  readonly producer: ProducerIdAndEpoch | undefined
  /** Position in its program. */
  readonly transaction: number
  readonly op: number
  readonly sequences: Readonly<Record<string, number>>
  readonly connection: number
  /** A client of version 1 needs another epoch after it gave up a record. */
  readonly needsEpoch: boolean
  readonly state: 'new' | 'ready' | 'waiting' | 'repeating' | 'dead'
  readonly call: Call | undefined
}

export interface State {
  readonly coordinator: CoordinatorState
  readonly p0: PartitionState
  readonly p1: PartitionState
  readonly group: GroupState
  readonly producers: readonly ProducerProgress[]
  /** Calls on their way, in no order. */
  readonly calls: readonly Call[]
  /** The outcome of each transaction as its client has it. */
  readonly fates: Readonly<Record<string, Fate>>
  /** Transactions that may not be committed any more: those of earlier instances, when a later one had its response. */
  readonly fenced: readonly string[]
  /** Numbers that the edge remembers, as it does. */
  readonly numbers: Readonly<Record<string, number>>
  readonly nextId: bigint
  readonly faultsLeft: number
  readonly plainCommitsLeft: number
}

export interface Scope {
  readonly version: 1 | 2
  /** A program for each producer: its transactions. */
  readonly programs: ReadonlyArray<ReadonlyArray<readonly Op[]>>
  /** Crashes, time-outs, and calls or responses that are lost, repeated or late. */
  readonly faults: number
  readonly plainCommits?: number
}

export interface Transition {
  readonly name: string
  readonly next: State
}

const PARTITION: PartitionState = { log: [], producers: {}, open: [], aborted: [] }

export function initialState({ programs, faults, plainCommits = 0 }: Scope): State {
  const progress: ProducerProgress = {
    ...{ producer: undefined, transaction: 0, op: 0, sequences: {}, connection: 1 },
    needsEpoch: false,
    ...{ state: 'new', call: undefined },
  }
  return {
    coordinator: { row: undefined, memory: undefined, left: undefined },
    ...{ p0: PARTITION, p1: PARTITION },
    group: { producers: {}, committed: null, arrivals: [] },
    producers: programs.map(() => progress),
    ...{ calls: [], fates: {}, fenced: [], numbers: {} },
    ...{ nextId: 1n, faultsLeft: faults, plainCommitsLeft: plainCommits },
  }
}

/** Returns a text that is equal for equal states. */
export function keyOf({ producers, calls, ...rest }: State): string {
  const { coordinator, p0, p1, group, fates, fenced, numbers } = rest
  const { nextId, faultsLeft, plainCommitsLeft } = rest
  return [
    ...[coordinator, p0, p1, group, fates, fenced, numbers, ...producers].map(textOf),
    ...calls.map(textOf).sort(),
    ...[nextId, faultsLeft, plainCommitsLeft],
  ].join(' ')
}

/** Texts of parts: successive states share most of them. */
const texts = new WeakMap<object, string>()

function textOf(part: object): string {
  const known = texts.get(part)
  if (known !== undefined) return known
  const text = JSON.stringify(part, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  texts.set(part, text)
  return text
}
