/** Searches the states of the model: all of them, breadth first, or along random paths. */
import type { Violation } from '../../../crash/history.ts'
import type { Random } from '../../../support/random.ts'
import { checkSettled, checkState, checkStep } from './invariants.ts'
import type { Rules } from './rules.ts'
import { initialState, keyOf, type Scope, type State } from './state.ts'
import { transitions } from './steps.ts'

/** Share of the steps of a random path that may be faults: with too many of them little is ever committed. */
const FAULTS_SHARE = 0.2

interface Visit {
  readonly state: State
  readonly parent: Visit | undefined
  readonly name: string
}

export interface Found {
  readonly statesCount: number
  readonly violations: readonly Violation[]
  /** The steps to the violations. */
  readonly path: readonly string[]
}

/** Visits every state, until one breaks a promise. @throws if there are more than `statesMax`. */
export function searchAll(rules: Rules, scope: Scope, statesMax: number): Found {
  let frontier: Visit[] = [{ state: initialState(scope), parent: undefined, name: 'start' }]
  const known = new Set([hash(keyOf(initialState(scope)))])
  while (frontier.length > 0) {
    const next: Visit[] = []
    for (const visit of frontier) {
      for (const { name, next: state } of transitions(rules, scope, visit.state)) {
        const reached = { state, parent: visit, name }
        const key = hash(keyOf(state))
        const isNew = !known.has(key)
        known.add(key)
        const violations = [
          ...checkStep(rules, visit.state, state),
          ...(isNew ? check(rules, scope, state) : []),
        ]
        if (violations.length > 0) {
          return { statesCount: known.size, violations, path: pathTo(reached) }
        }
        if (isNew) next.push(reached)
      }
    }
    if (known.size > statesMax) throw new Error(`more than ${statesMax} states`)
    frontier = next
  }
  return { statesCount: known.size, violations: [], path: [] }
}

/** Follows one random path to its end. */
export function searchPath(rules: Rules, scope: Scope, random: Random): Found {
  let visit: Visit = { state: initialState(scope), parent: undefined, name: 'start' }
  for (let statesCount = 1; ; statesCount++) {
    const steps = transitions(rules, scope, visit.state)
    if (steps.length === 0) return { statesCount, violations: [], path: [] }
    const { faultsLeft } = visit.state
    const orderly = steps.filter(({ next }) => next.faultsLeft === faultsLeft)
    const isFault = orderly.length === 0 || random.next() < FAULTS_SHARE
    const { name, next } = random.pick(isFault ? steps : orderly)
    const violations = [...checkStep(rules, visit.state, next), ...check(rules, scope, next)]
    visit = { state: next, parent: visit, name }
    if (violations.length > 0) return { statesCount, violations, path: pathTo(visit) }
  }
}

function check(rules: Rules, scope: Scope, state: State): Violation[] {
  const violations = checkState(rules, scope, state)
  // Other states settle in ways that a state without calls under way has seen or will see.
  const isCalm = state.calls.length === 0
  return violations.length > 0 || !isCalm ? violations : checkSettled(rules, scope, state)
}

function pathTo(visit: Visit): string[] {
  const path: string[] = []
  for (let at: Visit | undefined = visit; at !== undefined; at = at.parent) path.unshift(at.name)
  return path
}

/** Returns 53 bits (cyrb53): with 100,000 states two of them are the same in one search of a million. */
function hash(text: string): number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    high = Math.imul(high ^ code, 2_654_435_761)
    low = Math.imul(low ^ code, 1_597_334_677)
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0)
}
