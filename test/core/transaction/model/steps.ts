/**
 * The steps that the world may take: a producer sends its next call, a call arrives, a participant ends a decided
 * transaction, and the faults. Each gives the next state.
 */
import { complete } from '../../../../src/core/transaction/prepare.ts'
import { isPrepared } from '../../../../src/core/transaction/transaction-record.ts'
import { arrive, endAt } from './arrivals.ts'
import { abortOf, callOf, withProducer } from './clients.ts'
import { faults, spend } from './faults.ts'
import type { Rules } from './rules.ts'
import type { Call, ProducerProgress, Scope, State, Transition } from './state.ts'

const NOW_MS = 1_000

/** Returns all states that may follow. */
export function transitions(rules: Rules, scope: Scope, state: State): Transition[] {
  return [
    ...producerSteps(scope, state),
    ...arrivals(rules, scope, state),
    ...endings(rules, state),
    ...faults(rules, scope, state),
  ]
}

/** Returns the steps that happen without a fault: with them alone everything settles. */
export function orderlySteps(rules: Rules, scope: Scope, state: State): Transition[] {
  return [...arrivals(rules, scope, state), ...endings(rules, state)]
}

// -- producers ---------------------------------------------------------------------------------

function producerSteps(scope: Scope, state: State): Transition[] {
  return state.producers.flatMap((progress, from) => {
    const isIdle = progress.state === 'new' || progress.state === 'ready'
    if (!isIdle && progress.state !== 'repeating') return []
    const call = nextCall(scope, progress, from)
    if (call === undefined) return []
    const sent = withProducer(state, from, { state: 'waiting', call })
    const fates =
      call.kind === 'end' && call.outcome === 'commit'
        ? { ...sent.fates, [call.transaction]: 'commit requested' as const }
        : sent.fates
    const name = `producer ${from} sends ${call.kind}`
    const steps = [{ name, next: { ...sent, fates, calls: [...sent.calls, call] } }]
    if (progress.state !== 'repeating') return steps
    // A client that had no response may also abort, or die.
    const abort = abortOf(progress)
    if (abort !== undefined) {
      const change = { state: 'waiting', call: abort, needsEpoch: true } as const
      const next = withProducer(state, from, change)
      steps.push({
        name: `producer ${from} gives up`,
        next: { ...next, calls: [...next.calls, abort] },
      })
    }
    const dead = withProducer(state, from, { state: 'dead', call: undefined })
    return [...steps, { name: `producer ${from} dies`, next: dead }]
  })
}

function nextCall(scope: Scope, progress: ProducerProgress, from: number): Call | undefined {
  const { state, call, connection } = progress
  if (state !== 'repeating') return callOf(scope, progress, from)
  return call !== undefined && 'connection' in call ? { ...call, connection } : call
}

// -- calls -------------------------------------------------------------------------------------

function arrivals(rules: Rules, scope: Scope, state: State): Transition[] {
  return state.calls.flatMap((call, index) => {
    const rest = { ...state, calls: state.calls.filter((_, at) => at !== index) }
    const name = `${call.kind} of ${call.from} arrives`
    return [{ name, next: arrive(rules, scope, rest, call) }]
  })
}

// -- the end of a transaction ------------------------------------------------------------------

function endings(rules: Rules, state: State): Transition[] {
  const { memory, left } = state.coordinator
  if (memory === undefined || !isPrepared(memory) || left === undefined) return []
  const request = rules.markerOf(memory)
  return left.flatMap((name) => {
    const { next, error } = endAt(rules, state, name, request)
    if (error !== undefined && error !== 'transaction_coordinator_fenced') return []
    const others = left.filter((one) => one !== name)
    const isOver = others.length === 0 || !rules.shell.completesAfterAll
    const coordinator = isOver
      ? // The completion is written with the next change.
        { ...next.coordinator, memory: complete(memory, NOW_MS), left: undefined }
      : { ...next.coordinator, left: others }
    const ended = { ...next, coordinator }
    const late: Call = { kind: 'marker', from: -1, to: name, request }
    const steps = [{ name: `${name} ends`, next: ended }]
    if (state.faultsLeft === 0) return steps
    const repeated = { ...spend(ended), calls: [...ended.calls, late] }
    return [...steps, { name: `${name} ends, its marker comes again`, next: repeated }]
  })
}
