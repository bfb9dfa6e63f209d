/** Steps that no client and no server wants: crashes, time-outs, and calls that are late, lost or repeated. */
import { complete } from '../../../../src/core/transaction/prepare.ts'
import { nextDeadlineMs } from '../../../../src/core/transaction/transaction-deadlines.ts'
import { isPrepared } from '../../../../src/core/transaction/transaction-record.ts'
import { become, participantsOf } from './arrivals.ts'
import { withProducer } from './clients.ts'
import { plainCommit } from './participants.ts'
import type { Rules } from './rules.ts'
import type { Call, Scope, State, Transition } from './state.ts'

const NOW_MS = 1_000

export function spend(state: State): State {
  return { ...state, faultsLeft: state.faultsLeft - 1 }
}

export function faults(rules: Rules, scope: Scope, state: State): Transition[] {
  const plain: Transition[] =
    state.plainCommitsLeft === 0
      ? []
      : [
          {
            name: 'a plain commit',
            next: {
              ...state,
              plainCommitsLeft: state.plainCommitsLeft - 1,
              group: plainCommit(rules, state.group),
            },
          },
        ]
  if (state.faultsLeft === 0) return plain
  return [...plain, ...crash(rules, state), ...timeOut(rules, state), ...lostCalls(scope, state)]
}

/** The coordinator's object is evicted: what is in its row remains. */
function crash({ shell }: Rules, state: State): Transition[] {
  const { row, memory } = state.coordinator
  if (row === undefined && memory === undefined) return []
  const isDecided = row !== undefined && isPrepared(row)
  const resumed = isDecided && !shell.resumesDecisions ? complete(row, NOW_MS) : row
  const left = resumed !== undefined && isPrepared(resumed) ? participantsOf(resumed) : undefined
  return [{ name: 'crash', next: { ...spend(state), coordinator: { row, memory: resumed, left } } }]
}

export function timeOut(rules: Rules, state: State): Transition[] {
  const { memory } = state.coordinator
  const deadlineMs = memory && nextDeadlineMs(memory)
  if (memory?.state !== 'Ongoing' || deadlineMs === undefined) return []
  const record = rules.passTime(memory, { nowMs: deadlineMs, newProducerId: state.nextId })
  const next = { ...spend(state), coordinator: become(rules, state.coordinator, record) }
  return [{ name: 'time-out', next: { ...next, nextId: state.nextId + 1n } }]
}

/**
 * The client of a call gives up, and the call arrives later; or it comes twice. A client of version 1 repeats nothing
 * on one connection, and answers come in order, so its calls come twice only by its own repeats.
 */
function lostCalls(scope: Scope, state: State): Transition[] {
  return state.calls.flatMap((call, index) => {
    const progress = state.producers[call.from]
    if (progress === undefined || isAsWeakAsKafka(scope, call)) return []
    const late = { ...call, from: -1 } as Call
    const others = state.calls.filter((_, at) => at !== index)
    const change = { state: 'repeating', connection: progress.connection + 1 } as const
    const lost = withProducer(spend(state), call.from, change)
    const name = `${call.kind} of ${call.from}`
    const steps = [{ name: `${name} is late`, next: { ...lost, calls: [...others, late] } }]
    if (scope.version === 1) return steps
    const twice = { ...spend(state), calls: [...state.calls, late] }
    return [...steps, { name: `${name} comes twice`, next: twice }]
  })
}

/**
 * Names an offset commit of version 1 that its client gave up. It does not name its transaction: if it arrives in
 * the next one of the same epoch, it counts there, as in Kafka (docs/GUARANTEES.md, "What this does not show").
 */
function isAsWeakAsKafka({ version }: Scope, call: Call): boolean {
  return version === 1 && call.kind === 'send' && call.to === 'group' && call.number === undefined
}
