/** Builds the result of an append from its placed batches. */
import { assert } from '../../src/core/errors.ts'
import type { PlacedBatch } from '../../src/core/log/append.ts'
import type { AppendResult, PartitionAssignment } from '../../src/core/log/partition-api.ts'

export function replyTo(
  placed: readonly PlacedBatch[],
  log: { readonly logStartOffset: number; readonly assignment: PartitionAssignment },
): AppendResult {
  const last = placed.at(-1)
  assert(last !== undefined, 'an append has at least one batch')
  const hasPieces = placed.some(({ pieces }) => pieces !== undefined)
  return {
    baseOffsets: placed.map((batch) => batch.baseOffset),
    ...(hasPieces && { pieces: placed.map(({ pieces }) => pieces ?? null) }),
    nextOffset: nextOffsetOf(last),
    logAppendTime: last.logAppendTime,
    logStartOffset: log.logStartOffset,
    topicVersion: log.assignment.version,
  }
}

function nextOffsetOf({ header, baseOffset, pieces }: PlacedBatch): number {
  const last = pieces?.at(-1) ?? { baseOffset, recordsCount: header.lastOffsetDelta + 1 }
  return last.baseOffset === -1 ? -1 : last.baseOffset + last.recordsCount
}
