/** Input and output of a server-side assignor (KIP-848). */
import { EdgelogError } from '../../errors.ts'
import { shownValue } from '../../shown-value.ts'
import type { Assignment } from './assignment.ts'

export const ASSIGNOR_NAMES = ['uniform', 'range'] as const
export type AssignorName = (typeof ASSIGNOR_NAMES)[number]
export const DEFAULT_ASSIGNOR: AssignorName = 'uniform'

export interface AssignorMember {
  /** A static member keeps its position in the order, whatever its member id. */
  readonly instanceId: string | null
  /** Ids of the topics whose partitions it may be assigned. */
  readonly topicIds: ReadonlySet<string>
  /** Its previous target; may contain deleted partitions and topics. */
  readonly target: Assignment
}

export interface AssignorInput {
  readonly members: ReadonlyMap<string, AssignorMember>
  /** Partition count of each topic that has a subscriber. */
  readonly partitionCounts: ReadonlyMap<string, number>
}

/** Assigns every partition to exactly one subscriber of its topic, if there is one. */
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
