/** The arrival of a call at the coordinator, at the edge, at a partition or at the group: the rules decide. */
import {
  type Decision,
  isPrepared,
  type TransactionRecord,
} from '../../../../src/core/transaction/transaction-record.ts'
import { GROUP, ID, partition } from '../records.ts'
import { afterReply, type Reply } from './clients.ts'
import {
  addToGroup,
  appendTo,
  endInGroup,
  endInPartition,
  plainCommit,
  type SendCall,
} from './participants.ts'
import type { Rules } from './rules.ts'
import type { Call, CoordinatorState, ParticipantName, Scope, State } from './state.ts'

const NOW_MS = 1_000

/** Delivers a call that is no longer in `calls`. */
export function arrive(rules: Rules, scope: Scope, state: State, call: Call): State {
  switch (call.kind) {
    case 'init': {
      const { producer } = call
      const continued = producer === undefined ? {} : { producer }
      const request = { transactionalId: ID, timeoutMs: 60_000, ...continued }
      return decided(rules, scope, state, call, (record, context) => {
        return rules.decideInit(record, request, context)
      })
    }
    case 'end': {
      const { producerId, producerEpoch, outcome } = call
      const request = {
        transactionalId: ID,
        producerId,
        producerEpoch,
        outcome,
        ...spoken(scope, call),
      }
      return decided(rules, scope, state, call, (record, context) => {
        return rules.decideEnd(record, request, context)
      })
    }
    case 'marker':
      return endAt(rules, state, call.to, call.request).next
    case 'plain commit':
      return { ...state, group: plainCommit(rules, state.group) }
    default:
      return call.number === undefined
        ? findNumber(rules, scope, state, call)
        : write(rules, scope, state, call, call.number)
  }
}

/** Calls of version 1 carry the number of their connection. */
function spoken({ version }: Scope, { connection }: { readonly connection: number }) {
  return version === 1 ? { version, connection } : { version }
}

/** Applies a decision of the coordinator, and gives its producer the response. */
function decided<T>(
  rules: Rules,
  scope: Scope,
  state: State,
  call: Exclude<Call, { kind: 'marker' | 'plain commit' }>,
  decide: (
    record: TransactionRecord | undefined,
    context: { readonly nowMs: number; readonly newProducerId: bigint },
  ) => Decision<T>,
): State {
  const { memory } = state.coordinator
  const context = { nowMs: NOW_MS, newProducerId: state.nextId }
  const { record, result } = decide(memory, context)
  const coordinator =
    record === memory ? state.coordinator : become(rules, state.coordinator, record)
  const isIdUsed = record?.producerId === state.nextId || record?.nextProducerId === state.nextId
  const nextId = isIdUsed ? state.nextId + 1n : state.nextId
  const reply: Reply = 'ok' in result ? { ok: result.ok } : { error: result.error.code }
  return afterReply(scope, { ...state, coordinator, nextId }, call, reply)
}

export function become(
  { shell }: Rules,
  { row }: CoordinatorState,
  record: TransactionRecord | undefined,
): CoordinatorState {
  const isDecision = record !== undefined && isPrepared(record)
  const isWritten = !isDecision || shell.isDecisionDurableFirst
  return {
    row: isWritten ? record : row,
    memory: record,
    left: isDecision ? participantsOf(record) : undefined,
  }
}

/** The edge asks for the number of the transaction: of version 1 it asks to verify only, and remembers the number. */
function findNumber(rules: Rules, scope: Scope, state: State, call: SendCall): State {
  const { version } = scope
  const isAdding = version === 2 || call.kind === 'add'
  const key = `${call.producerId}/${call.producerEpoch}/${call.to}`
  const known = state.numbers[key]
  if (known !== undefined && call.kind === 'send') {
    return { ...state, calls: [...state.calls, { ...call, number: known }] }
  }
  return askNumber(rules, scope, state, call, isAdding, key)
}

function askNumber(
  rules: Rules,
  scope: Scope,
  state: State,
  call: SendCall,
  isAdding: boolean,
  key: string,
): State {
  const { producerId, producerEpoch, to } = call
  const participants =
    to === 'group'
      ? { partitions: [], groups: [GROUP] }
      : { partitions: [partition(to === 'p0' ? 0 : 1)], groups: [] }
  const producer = { transactionalId: ID, producerId, producerEpoch }
  const request = { ...producer, ...participants, ...spoken(scope, call) }
  const { memory } = state.coordinator
  const context = { nowMs: NOW_MS, newProducerId: state.nextId }
  const decision = isAdding
    ? rules.decideAdd(memory, request, context)
    : { record: memory, result: rules.decideVerify(memory, request) }
  if ('error' in decision.result) {
    return afterReply(scope, state, call, { error: decision.result.error.code })
  }
  const coordinator =
    decision.record === memory
      ? state.coordinator
      : become(rules, state.coordinator, decision.record)
  const { number } = decision.result.ok
  const next = { ...state, coordinator, numbers: { ...state.numbers, [key]: number } }
  if (call.kind === 'add') return afterReply(scope, next, call, { ok: null })
  return { ...next, calls: [...next.calls, { ...call, number }] }
}

function write(rules: Rules, scope: Scope, state: State, call: SendCall, number: number): State {
  const { version } = scope
  const step =
    call.to === 'group'
      ? addToGroup(rules, state.group, call, number, version)
      : appendTo(rules, state[call.to], call, number, version)
  const next = { ...state, [call.to]: step.next }
  if (step.error === undefined) return afterReply(scope, next, call, { ok: null })
  const key = `${call.producerId}/${call.producerEpoch}/${call.to}`
  // The remembered number may be old: the edge asks once more.
  if (step.error === 'invalid_txn_state' && state.numbers[key] === number) {
    const { [key]: _, ...numbers } = state.numbers
    const { number: __, ...again } = call
    const asked = askNumber(rules, scope, { ...next, numbers }, again, version === 2, key)
    if (asked.numbers[key] !== number) return asked
  }
  return afterReply(scope, next, call, { error: step.error })
}

export function participantsOf(record: TransactionRecord): ParticipantName[] {
  return [
    ...record.partitions.map(
      ({ partition: index }): ParticipantName => (index === 0 ? 'p0' : 'p1'),
    ),
    ...record.groups.map((): ParticipantName => 'group'),
  ]
}

export function endAt(
  rules: Rules,
  state: State,
  name: ParticipantName,
  request: ReturnType<Rules['markerOf']>,
): { readonly next: State; readonly error?: string } {
  const step =
    name === 'group'
      ? endInGroup(rules, state.group, request)
      : endInPartition(rules, state[name], request)
  const { error } = step
  return { next: { ...state, [name]: step.next }, ...(error !== undefined && { error }) }
}
