/**
 * The work that settles the state of an application, one piece after the other. Each piece can be repeated, and what it
 * finds is stored before the next one begins; so it may end anywhere and be done again.
 */
import type { ApplicationState, Placement } from './application-state.ts'

export type Work =
  /** Deletes the tasks of an earlier generation, and its internal topics. */
  | { readonly kind: 'delete-generation'; readonly placement: Placement }
  | { readonly kind: 'delete-all' }
  /** Configures the tasks of a generation. */
  | { readonly kind: 'place'; readonly generation: 'running' | 'candidate' }
  /** Lets the tasks go on behind the cut. */
  | { readonly kind: 'release' }
  /** Looks how far both generations are, and decides. */
  | { readonly kind: 'upgrade' }

/** Returns the next piece of work; undefined if there is none. */
export function nextWork(state: ApplicationState): Work | undefined {
  const { version, upgrade } = state
  const [placement] = state.retired
  // First of all: an old generation must be gone before the new one writes to its sinks.
  if (placement !== undefined) return { kind: 'delete-generation', placement }
  if (state.isDeleting) return { kind: 'delete-all' }
  if (state.appliedVersion !== version) return { kind: 'place', generation: 'running' }
  // The generations were swapped, and no task of the running one is muted any more.
  if (state.cut !== undefined && upgrade?.step !== 'draining') return { kind: 'release' }
  if (upgrade === undefined) return undefined
  if (upgrade.appliedVersion !== version) return { kind: 'place', generation: 'candidate' }
  return state.isPaused ? undefined : { kind: 'upgrade' }
}

export function withoutGeneration(state: ApplicationState, { generation }: Placement) {
  return { ...state, retired: state.retired.filter((one) => one.generation !== generation) }
}

/** Returns the state with the tasks that are about to be configured. */
export function withPlacement(
  state: ApplicationState,
  generation: 'running' | 'candidate',
  placed: Placement,
): ApplicationState {
  const { upgrade } = state
  if (generation === 'running') return { ...state, placed }
  return upgrade === undefined ? state : { ...state, upgrade: { ...upgrade, placed } }
}

/** Returns the state after all tasks of a generation were configured for a version, which may be old by now. */
export function withApplied(
  state: ApplicationState,
  generation: 'running' | 'candidate',
  appliedVersion: number,
): ApplicationState {
  const { error: _, ...rest } = state
  if (generation === 'running') return { ...rest, appliedVersion }
  const { upgrade } = state
  return upgrade === undefined ? state : { ...state, upgrade: { ...upgrade, appliedVersion } }
}

/** Lets the running generation go on behind the cut at which it took over. */
export function withRelease(state: ApplicationState): ApplicationState {
  const { cut: _, ...rest } = state
  return { ...rest, version: state.version + 1 }
}
