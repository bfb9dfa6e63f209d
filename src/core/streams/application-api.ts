/** The RPC interface of an application's Durable Object. Types only. */
import type { Result } from '../errors.ts'
import type { TopologyDescription } from './describe-topology.ts'
import type { Program, TaskDescription } from './task-api.ts'

/** Where an application begins to read its topics. */
export type StartPosition = 'earliest' | 'latest'

/** A topology that each instance of the Worker registers under the name of the application, or a program. */
export type DeployRequest = { readonly from: StartPosition } & (
  | { readonly topology: TopologyDescription }
  | { readonly program: Program }
)

/**
 * - `starting`: something that it needs is missing; it tries again.
 * - `running`, `paused`: as wanted.
 * - `failed`: a task stopped at an error, and the others run; or a source topic no longer fits the tasks.
 */
export type ApplicationStatus = 'starting' | 'running' | 'paused' | 'failed' | 'deleting'

export interface ApplicationSummary {
  readonly name: string
  readonly status: ApplicationStatus
  readonly generation: number
  /** Why it is starting, or did not take a new topology. */
  readonly error?: string
}

export interface ApplicationDescription extends ApplicationSummary {
  readonly topology: TopologyDescription
  readonly tasks: readonly TaskDescription[]
  /** Records that are not processed yet, of all tasks together. */
  readonly lag: number
  readonly recordsCount: number
  /** A new generation that works through the sources beside the running one. */
  readonly upgrade?: UpgradeDescription
}

/**
 * - `catching-up`: the candidate works through the sources.
 * - `holding`: all tasks of both generations stand still, so that their positions can be read.
 * - `draining`: both work up to the cut.
 */
export type UpgradeStep = 'catching-up' | 'holding' | 'draining'

export interface UpgradeDescription {
  readonly generation: number
  readonly step: UpgradeStep
  /** Why it does not go on. */
  readonly error?: string
  readonly tasks: readonly TaskDescription[]
  readonly lag: number
  readonly recordsCount: number
}

/** Which task has a key: `queries` are routed by it. */
export interface StorePlacement {
  readonly sub: number
  readonly generation: number
  readonly tasks: number
  readonly kind: string
  /** Names of the serdes. */
  readonly key: string
  readonly value: string
}

export interface ApplicationApi {
  /**
   * Creates the application, or changes its topology, and settles it. Idempotent.
   *
   * Errors: `invalid_topology` with the reasons; `application_deleting`.
   */
  deploy(request: DeployRequest): Promise<Result<ApplicationSummary>>
  /** Errors: `not_found`, as for all methods below. */
  summarize(): Promise<Result<ApplicationSummary>>
  /** Also calls all tasks. */
  describe(): Promise<Result<ApplicationDescription>>
  pause(): Promise<Result<ApplicationSummary>>
  /** Also runs tasks again that stopped at an error. */
  resume(): Promise<Result<ApplicationSummary>>
  /** Deletes all state, and begins anew. */
  reset(from: StartPosition): Promise<Result<ApplicationSummary>>
  /** Deletes the application with its state and its internal topics. */
  remove(): Promise<Result<null>>
  /** Looks whether the source topics still fit the tasks. May be lost. */
  topicsChanged(): Promise<void>
  /** Errors: also `not_found` for a store that the topology does not have. */
  placement(store: string): Promise<Result<StorePlacement>>
}
