/**
 * The state of an application: what is wanted, and what its tasks have applied. A change raises `version`; the object
 * then settles it, and after a crash its alarm goes on. `application-changes.ts` has the changes, and
 * `application-work.ts` the work that settles them.
 *
 *     deploy -> version 1 ──settled──> appliedVersion 1
 *     pause, resume, a new topology -> version + 1        the tasks get a new assignment
 *     a topology that does not fit -> upgrade             a new generation beside the running one
 *     reset -> version + 1, another generation            the tasks of the old generation are deleted
 *     remove -> isDeleting                                everything is deleted, and then this
 */
import type { StartPosition, UpgradeStep } from './application-api.ts'
import type { TopologyDescription } from './describe-topology.ts'
import type { Program } from './task-api.ts'

/** Tasks and internal topics that exist. */
export interface Placement {
  readonly generation: number
  /** By sub-topology: the number of its tasks. */
  readonly tasks: readonly number[]
  readonly internalTopics: readonly string[]
  /** Ids of the source topics, by their names. */
  readonly sourceIds: Readonly<Record<string, string>>
  /**
   * If the generation began at the ends of its topics: these ends, by `topic/partition`. A task that has read nothing
   * yet begins there after each change, so that it leaves out no record that came in the meantime.
   */
  readonly starts?: Readonly<Record<string, number>>
}

/** The topology that an application is to run. */
export interface Wanted {
  readonly topology: TopologyDescription
  /** The number of the sub-topology of each node. */
  readonly subs: Readonly<Record<string, number>>
  /** The program that the topology was compiled from. */
  readonly program?: Program
}

/** By `topic/partition`: tasks process the records below the offset, and no others. */
export type Cut = Readonly<Record<string, number>>

/** The candidate: a new generation beside the running one. Where both write to a topic, it is muted. */
export interface Upgrade extends Wanted {
  readonly generation: number
  readonly appliedVersion: number
  readonly step: UpgradeStep
  /** When the step began. */
  readonly sinceMs: number
  /** How often the generations were to be swapped, and were not. */
  readonly attempts: number
  readonly placed?: Placement
  /** Why it does not go on. */
  readonly error?: string
}

export interface ApplicationState extends Wanted {
  readonly generation: number
  readonly version: number
  readonly appliedVersion: number
  readonly from: StartPosition
  readonly isPaused: boolean
  readonly isDeleting: boolean
  /** Written before the first task of a generation is configured, so that a crash leaves nothing behind. */
  readonly placed?: Placement
  /** Earlier generations, whose tasks are to be deleted. */
  readonly retired: readonly Placement[]
  /** Why it is not settled. */
  readonly error?: string
  /** The highest generation that was ever made, if it is not the running one. */
  readonly lastGeneration?: number
  readonly upgrade?: Upgrade
  /** Where all tasks stop, from before the generations are swapped until no task of the new one is muted any more. */
  readonly cut?: Cut
}

export function newApplication(wanted: Wanted, from: StartPosition): ApplicationState {
  return {
    ...wanted,
    ...{ from, generation: 1, version: 1, appliedVersion: 0 },
    ...{ isPaused: false, isDeleting: false, retired: [] },
  }
}

/** Everything that the tasks of a generation are planned by. */
export interface Generation {
  readonly generation: number
  readonly version: number
  readonly topology: TopologyDescription
  readonly program?: Program
  readonly from: StartPosition
  readonly isPaused: boolean
  readonly isMuted: boolean
  readonly placed?: Placement
  /** Where it begins to read, by `topic/partition`, if not at `from`. */
  readonly starts: Readonly<Record<string, number>>
  readonly cut?: Cut
}

/** Returns the generation that writes to its sinks and is queried. */
export function runningGeneration(state: ApplicationState): Generation {
  const isHeld = state.upgrade?.step === 'holding'
  const { isPaused, placed } = state
  const generation = { ...state, isPaused: isPaused || isHeld, isMuted: false }
  return { ...generation, starts: placed?.starts ?? {} }
}

/** Returns the generation of an upgrade. It begins where the running one began. */
export function candidateGeneration(state: ApplicationState, upgrade: Upgrade): Generation {
  const { topology, generation, placed } = upgrade
  const { version, from, cut } = state
  return {
    ...{ topology, generation, version, from, isMuted: true },
    isPaused: state.isPaused || upgrade.step === 'holding',
    starts: placed?.starts ?? state.placed?.starts ?? {},
    ...(placed === undefined ? {} : { placed }),
    ...(cut === undefined ? {} : { cut }),
  }
}
