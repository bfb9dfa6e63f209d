/** T1-T8 of docs/GUARANTEES.md, checked in each state, at each step, and once everything has settled. */
import type { Violation } from '../../../crash/history.ts'
import { transactionName } from './clients.ts'
import { timeOut } from './faults.ts'
import { outcomesOf } from './outcomes.ts'
import { visibleIn } from './participants.ts'
import type { Rules } from './rules.ts'
import type { Fate, PartitionName, Scope, State } from './state.ts'
import { orderlySteps } from './steps.ts'

const PARTITIONS: readonly PartitionName[] = ['p0', 'p1']
const SETTLING_STEPS_MAX = 200

/** Returns what is wrong in a state. */
export function checkState(rules: Rules, scope: Scope, state: State): Violation[] {
  const names = scope.programs.flatMap((program, from) =>
    program.map((_, index) => transactionName(from, index)),
  )
  return [
    ...names.flatMap((name) => checkTransaction(scope, state, name)),
    ...PARTITIONS.flatMap((name) => checkPartition(rules, state, name)),
    ...checkGroup(state),
  ]
}

function checkTransaction(scope: Scope, state: State, name: string): Violation[] {
  const outcomes = outcomesOf(state, name)
  const fate: Fate = state.fates[name] ?? 'open'
  const isCommitted = outcomes.includes('commit')
  const violations: Violation[] = []
  const add = (promise: string, what: string) =>
    violations.push({ promise, what: `${name} ${what}` })
  if (isCommitted && outcomes.includes('abort')) add('T1', 'is committed and aborted')
  if (isCommitted && fate !== 'commit requested' && fate !== 'committed') {
    add(fate === 'aborted' ? 'T7' : 'T3', `is committed, its client: ${fate}`)
  }
  if (isCommitted && state.fenced.includes(name)) add('T6', 'is committed after it was fenced')
  if (fate === 'committed') {
    const [from = 0, index = 0] = name.split('.').map(Number)
    const expected = (scope.programs[from]?.[index]?.length ?? 0) - 1
    const kept = outcomes.filter((outcome) => outcome !== 'abort').length
    if (kept !== expected) add('T7', `has ${kept} of ${expected} records after its commit`)
  }
  return violations
}

function checkPartition(rules: Rules, state: State, name: PartitionName): Violation[] {
  const violations: Violation[] = []
  const values = new Set<string>()
  for (const { transaction = '', value = '' } of visibleIn(rules, state[name])) {
    if (values.has(value)) violations.push({ promise: 'T3', what: `${value} is visible twice` })
    values.add(value)
    if (!outcomesOf(state, transaction).includes('commit')) {
      violations.push({ promise: 'T2', what: `${value} is visible and not committed` })
    }
  }
  return violations
}

/** The commit that arrived last counts, of those that count at all. */
function checkGroup({ group: { arrivals, committed } }: State): Violation[] {
  const last = arrivals.findLast(
    ({ transaction, ended }) => transaction === undefined || ended === 'commit',
  )
  if ((last?.offset ?? null) === committed) return []
  return [{ promise: 'T5', what: `offset ${committed} is committed, not ${last?.offset}` }]
}

/** Returns what is wrong in a step: what a committed reader has got stays, and its end never moves back. */
export function checkStep(rules: Rules, before: State, after: State): Violation[] {
  return PARTITIONS.flatMap((name) => {
    if (before[name] === after[name]) return []
    const [old, now] = [visibleIn(rules, before[name]), visibleIn(rules, after[name])]
    const isKept = old.every((entry, index) => now[index] === entry)
    return isKept ? [] : [{ promise: 'T2', what: `what readers of ${name} have got has changed` }]
  })
}

/** Lets everything that is under way arrive, and the time of an open transaction pass: then nothing is open. */
export function checkSettled(rules: Rules, scope: Scope, state: State): Violation[] {
  const settled = settle(rules, scope, timedOut(rules, settle(rules, scope, state)))
  const stuck = PARTITIONS.filter((name) => settled[name].open.length > 0)
  const pending = Object.values(settled.group.producers).some(({ open }) => open !== null)
  const left = [...stuck, ...(pending ? ['group'] : [])]
  const violations = left.map((name) => ({ promise: 'T8', what: `${name} has one open for ever` }))
  return [...violations, ...checkState(rules, scope, settled)]
}

function timedOut(rules: Rules, state: State): State {
  return timeOut(rules, state)[0]?.next ?? state
}

function settle(rules: Rules, scope: Scope, state: State): State {
  // Clients send nothing more, and nothing is repeated.
  let next: State = { ...state, faultsLeft: 0, plainCommitsLeft: 0 }
  for (let step = 0; step < SETTLING_STEPS_MAX; step++) {
    const [first] = orderlySteps(rules, scope, next)
    if (first === undefined) return next
    next = first.next
  }
  throw new Error('the world never settles')
}
