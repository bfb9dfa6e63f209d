/** What a server-side assignor is given and gives back (KIP-848). */
import { EdgelogError } from '../../errors.ts'
import { shownValue } from '../../shown-value.ts'
import type { Assignment } from './assignment.ts'

export const ASSIGNOR_NAMES = ['uniform', 'range'] as const
export type AssignorName = (typeof ASSIGNOR_NAMES)[number]
export const DEFAULT_ASSIGNOR: AssignorName = 'uniform'

export interface AssignorMember {
  /** Static members keep their place in the order whatever their member id. */
  readonly instanceId: string | null
  /** Ids of the topics it may be given. */
  readonly topicIds: ReadonlySet<string>
  /** What it was to have until now; may name partitions and topics that are no more. */
  readonly target: Assignment
}

export interface AssignorInput {
  readonly members: ReadonlyMap<string, AssignorMember>
  /** Partitions of each topic that somebody subscribes to. */
  readonly partitionCounts: ReadonlyMap<string, number>
}

/** Every partition to exactly one member that subscribes to its topic, if there is one. */
export type Assignor = (input: AssignorInput) => ReadonlyMap<string, Assignment>

/** @throws {EdgelogError} `unsupported_assignor`. */
export function parseAssignorName(value: unknown, field = 'assignor'): AssignorName {
  const name = ASSIGNOR_NAMES.find((known) => known === value)
  if (name !== undefined) return name
  throw new EdgelogError(
    'unsupported_assignor',
    `${field}: ${ASSIGNOR_NAMES.join(' or ')} is allowed; got ${shownValue(value)}`,
  )
}
