/** The changes of an application that its users ask for. */
import { EdgelogError } from '../errors.ts'
import type { StartPosition } from './application-api.ts'
import type { ApplicationState, Placement, Upgrade, Wanted } from './application-state.ts'
import { compareTopologies } from './upgrade.ts'

/** A deployed topology. */
export interface Deployed {
  readonly wanted: Wanted
  /** True if this Worker also has the topology that runs, as a predecessor of the wanted one. */
  readonly hasRunning: boolean
}

/**
 * Returns the state with a new topology; the same state if nothing changes.
 *
 * @throws {EdgelogError} `invalid_topology` with the reasons.
 */
export function withTopology(
  state: ApplicationState,
  { wanted, hasRunning }: Deployed,
  nowMs: number,
): ApplicationState {
  const comparison = compareTopologies(state, wanted)
  // The functions of a topology are not compared, but those of a program are data.
  const isSameProgram = JSON.stringify(state.program) === JSON.stringify(wanted.program)
  if (comparison.kind === 'same' && isSameProgram) return withoutUpgrade(state)
  if (comparison.kind === 'incompatible' && state.placed !== undefined) {
    const isProgram = wanted.program !== undefined || state.program !== undefined
    if (hasRunning && !isProgram) return withCandidate(state, wanted, nowMs)
    throw refusal(comparison.reasons, isProgram)
  }
  const { program: _, ...rest } = withoutUpgrade(state)
  return { ...rest, ...wanted, version: state.version + 1 }
}

function refusal(reasons: readonly string[], isProgram: boolean): EdgelogError {
  const ways = isProgram
    ? 'reset the application, or deploy it under another name'
    : 'give the topology that runs as its `previous` one, and both run until the new one has ' +
      'caught up; or reset the application, or deploy it under another name'
  return new EdgelogError('invalid_topology', `${reasons.join('; ')}; ${ways}`, {
    details: { reasons },
  })
}

/** Begins an upgrade, in place of one that is under way with another topology. */
function withCandidate(state: ApplicationState, wanted: Wanted, nowMs: number): ApplicationState {
  const { upgrade } = state
  if (upgrade !== undefined && compareTopologies(upgrade, wanted).kind === 'same') return state
  const before = withoutUpgrade(state)
  const generation = nextGeneration(before)
  const version = state.version + 1
  const candidate: Upgrade = {
    ...wanted,
    ...{ generation, appliedVersion: 0, step: 'catching-up', sinceMs: nowMs, attempts: 0 },
  }
  return { ...before, version, lastGeneration: generation, upgrade: candidate }
}

/** Takes the candidate of an upgrade back: its tasks are deleted, and the running generation goes on. */
function withoutUpgrade(state: ApplicationState): ApplicationState {
  const { upgrade, cut: _, ...rest } = state
  if (upgrade === undefined) return state
  return {
    ...rest,
    ...{ version: state.version + 1, retired: retired(state, upgrade.placed) },
  }
}

export function withPause(state: ApplicationState, isPaused: boolean): ApplicationState {
  return { ...state, isPaused, version: state.version + 1 }
}

/** Begins a new generation with the given topology, in place of all others. */
export function withReset(
  state: ApplicationState,
  wanted: Wanted,
  from: StartPosition,
): ApplicationState {
  const { placed, upgrade, cut: _, ...rest } = state
  const generation = nextGeneration(state)
  return {
    ...rest,
    ...wanted,
    ...{ from, generation, lastGeneration: generation, version: state.version + 1 },
    retired: retired(state, placed, upgrade?.placed),
  }
}

export function withDeletion(state: ApplicationState): ApplicationState {
  const { placed, upgrade, cut: _, ...rest } = state
  const version = state.version + 1
  return { ...rest, version, isDeleting: true, retired: retired(state, placed, upgrade?.placed) }
}

function nextGeneration({ generation, lastGeneration = generation }: ApplicationState): number {
  return Math.max(generation, lastGeneration) + 1
}

function retired(
  state: ApplicationState,
  ...placements: readonly (Placement | undefined)[]
): readonly Placement[] {
  return [...state.retired, ...placements.filter((placed) => placed !== undefined)]
}
