/** Estimates the memory that the description of a group takes: for a large group it is many megabytes. */
import { EdgelogError } from '../errors.ts'
import type { ClassicGroupDescription } from './classic-api.ts'
import type { AssignedTopic, GroupDescription } from './group-api.ts'

/** A member with its ids and its pattern. */
const MEMBER_BYTES = 2_048
/** Overhead of a string, in addition to its characters. */
const TEXT_BYTES = 24
/** A topic with its id and its partition list, without the characters of its name and without the partitions. */
const ASSIGNED_TOPIC_BYTES = 160
const PARTITION_BYTES = 4
/** Opaque bytes are in memory twice: as received from the group and as sent. */
const OPAQUE_COPIES = 2

export function descriptionBytes({ members }: GroupDescription): number {
  let bytes = 0
  for (const { topics, assignment, target } of members) {
    bytes += MEMBER_BYTES + assignmentBytes(assignment) + assignmentBytes(target)
    for (const topic of topics) bytes += TEXT_BYTES + topic.length
  }
  return bytes
}

export function classicDescriptionBytes({ members }: ClassicGroupDescription): number {
  let bytes = 0
  for (const { metadata, assignment } of members) {
    bytes += MEMBER_BYTES + OPAQUE_COPIES * (metadata.length + assignment.length)
  }
  return bytes
}

function assignmentBytes(topics: readonly AssignedTopic[]): number {
  let bytes = 0
  for (const { topic, partitions } of topics) {
    bytes += ASSIGNED_TOPIC_BYTES + topic.length + PARTITION_BYTES * partitions.length
  }
  return bytes
}

/** @throws {EdgelogError} `request_too_large`, with `details.sizeBytes`. */
export function checkDescriptionSize(sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes) throw descriptionTooLarge(sizeBytes, maxBytes)
}

export function descriptionTooLarge(sizeBytes: number, maxBytes: number): EdgelogError {
  const why = `groupId: the description of the group takes ${sizeBytes} bytes, at most ${maxBytes} are allowed`
  return new EdgelogError('request_too_large', why, { details: { sizeBytes } })
}
