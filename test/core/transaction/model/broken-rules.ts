/** Broken variants of the rules, each of a few lines. The model must find each one out. */
import type { AppendInput } from '../../../../src/core/log/append.ts'
import { prepare } from '../../../../src/core/transaction/prepare.ts'
import type {
  Decision,
  TransactionRecord,
} from '../../../../src/core/transaction/transaction-record.ts'
import { isPrepared } from '../../../../src/core/transaction/transaction-record.ts'
import { RULES, type Rules } from './rules.ts'
import { OFFSETS, RIVALS, SUCCESSIVE, withVersion1 } from './scopes.ts'
import type { Scope } from './state.ts'

export interface BrokenRules {
  /** Completes "rules that ...". */
  readonly name: string
  readonly rules: Rules
  readonly scope: Scope
  /** The promises of which the model must report at least one as broken. */
  readonly breaks: readonly string[]
}

const ONE: Scope = { version: 2, programs: [[['p0', 'p1', 'commit']]], faults: 1 }

function changed<T>(
  decision: Decision<T>,
  change: (record: TransactionRecord) => TransactionRecord,
): Decision<T> {
  const { record } = decision
  return record === undefined ? decision : { ...decision, record: change(record) }
}

/** Accepts records of any number: as the open transaction, or as the next one. */
function withoutNumbers(input: AppendInput): AppendInput {
  const { transaction, openTransactions, producerState, headers } = input
  const { producerId = -1n } = headers[0] ?? {}
  const ended = producerState(producerId)?.endedNumber ?? 0
  const number = openTransactions.get(producerId)?.number ?? ended + 1
  return { ...input, transaction: transaction && { ...transaction, number } }
}

const shell = RULES.shell
const withoutNumberCheck = {
  ...RULES,
  decideAppend: (input: AppendInput) => RULES.decideAppend(withoutNumbers(input)),
}

export const BROKEN_RULES: readonly BrokenRules[] = [
  {
    name: 'send markers before the decision is durable',
    rules: { ...RULES, shell: { ...shell, isDecisionDurableFirst: false } },
    scope: RIVALS,
    breaks: ['T1', 'T7'],
  },
  {
    name: 'leave a participant out of the decision',
    rules: {
      ...RULES,
      decideEnd: (...args) =>
        changed(RULES.decideEnd(...args), (record) =>
          isPrepared(record) ? { ...record, partitions: record.partitions.slice(0, 1) } : record,
        ),
    },
    scope: ONE,
    breaks: ['T1', 'T8'],
  },
  {
    name: 'complete a transaction that a participant did not end',
    rules: { ...RULES, shell: { ...shell, completesAfterAll: false } },
    scope: ONE,
    breaks: ['T1', 'T8'],
  },
  {
    name: 'forget decisions when the coordinator wakes up',
    rules: { ...RULES, shell: { ...shell, resumesDecisions: false } },
    scope: ONE,
    breaks: ['T1', 'T8'],
  },
  {
    name: 'let a repeated end change the outcome',
    rules: {
      ...RULES,
      decideEnd: (record, request, context) => {
        const isLate = record !== undefined && isPrepared(record)
        const state = request.outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort'
        const decision = RULES.decideEnd(record, request, context)
        return isLate && record.replaced?.by === 'fence'
          ? { ...decision, record: { ...record, state } }
          : decision
      },
    },
    scope: RIVALS,
    breaks: ['T1', 'T3', 'T6', 'T7'],
  },
  {
    name: 'raise no epoch at the end and check no number',
    rules: {
      ...withoutNumberCheck,
      decideEnd: (record, request, context) => {
        const decision = RULES.decideEnd(record, request, context)
        if (record?.state !== 'Ongoing' || decision.record === record) return decision
        const { producerId, producerEpoch } = record
        const next = prepare(record, request.outcome, 1, context)
        return { record: { ...next, version: 2 }, result: { ok: { producerId, producerEpoch } } }
      },
    },
    scope: SUCCESSIVE,
    breaks: ['T1', 'T3', 'T7', 'T8'],
  },
  {
    name: 'check no number of an append, for clients of version 1',
    rules: withoutNumberCheck,
    scope: withVersion1(SUCCESSIVE),
    breaks: ['T1', 'T3', 'T8'],
  },
  {
    name: 'keep the old epoch in markers and check no number',
    rules: {
      ...withoutNumberCheck,
      markerOf: (record) => {
        const marker = RULES.markerOf(record)
        return { ...marker, producerEpoch: marker.producerEpoch - 1 }
      },
    },
    scope: RIVALS,
    breaks: ['T1', 'T6', 'T8'],
  },
  {
    name: 'do not fence the producer whose transaction timed out',
    rules: {
      ...RULES,
      passTime: (record, context) => prepare(record, 'abort', 1, context),
    },
    scope: ONE,
    breaks: ['T1', 'T7'],
  },
  {
    name: 'show committed readers everything',
    rules: { ...RULES, readableEnd: (_, logEnd) => logEnd },
    scope: { ...ONE, faults: 0 },
    breaks: ['T2'],
  },
  {
    name: 'commit the offsets of an aborted transaction',
    rules: {
      ...RULES,
      endPending: (known, request) => RULES.endPending(known, { ...request, outcome: 'commit' }),
    },
    scope: { ...OFFSETS, plainCommits: 0, faults: 0 },
    breaks: ['T5'],
  },
  {
    name: 'let an older offset of a transaction replace a plain commit',
    rules: { ...RULES, isSuperseded: () => false },
    scope: { ...OFFSETS, faults: 0 },
    breaks: ['T5'],
  },
]
