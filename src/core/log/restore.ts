/**
 * Decides what a restore does to a partition: batches of another log are appended at the offsets that they had there.
 * Only a log that has nothing else can be restored: its other records would have offsets of their own.
 */
import type { BatchHeader } from '../batch/record-batch.ts'
import { EdgelogError } from '../errors.ts'

/** Stored with a restored log, until something else is appended. */
export interface RestoredFrom {
  /** The id of the topic whose records were restored. */
  readonly sourceId: string
  /** The end of the log after the last restore. Another end means that something else was appended. */
  readonly endOffset: number
}

export interface RestoreInput {
  readonly sourceId: string
  /** Where the last restore ended; the log start in the first one. */
  readonly from: number
  /** In the order of their offsets; none: an empty log gets its start, and any other is only checked. */
  readonly headers: readonly BatchHeader[]
  readonly logEndOffset: number
  readonly restored: RestoredFrom | undefined
}

export interface RestoreDecision {
  /** The first offset that the rows of an empty log cover: the log start may lie within a batch. */
  readonly firstOffset: number
  readonly endOffset: number
}

/**
 * Returns where the restored records begin and end.
 *
 * @throws {EdgelogError} `policy_violation` for a log that has other records, `expected_offset_mismatch` if `from` is
 * not the end of the log, `invalid_record` for batches that overlap or are not in order.
 */
export function decideRestore(input: RestoreInput): RestoreDecision {
  const { headers, logEndOffset, from } = input
  checkRestorable(input)
  const isEmpty = logEndOffset === 0
  if (!isEmpty && from !== logEndOffset) {
    throw new EdgelogError(
      'expected_offset_mismatch',
      `Edgelog-Offset: the next offset is ${logEndOffset}, not ${from}`,
      { details: { nextOffset: logEndOffset } },
    )
  }
  const [first] = headers
  if (first === undefined) return { firstOffset: from, endOffset: from }
  const firstOffset = isEmpty ? Math.min(from, first.baseOffset) : from
  let endOffset = firstOffset
  for (const { position, baseOffset, lastOffsetDelta } of headers) {
    if (baseOffset < endOffset) {
      throw new EdgelogError(
        'invalid_record',
        `batch at byte ${position}: begins at offset ${baseOffset}; ${endOffset} or more is allowed`,
      )
    }
    endOffset = baseOffset + lastOffsetDelta + 1
  }
  if (endOffset > from) return { firstOffset, endOffset }
  throw new EdgelogError('invalid_record', `the batches end before the log start ${from}`)
}

function checkRestorable({ sourceId, logEndOffset, restored }: RestoreInput): void {
  if (logEndOffset === 0) return
  if (restored?.endOffset !== logEndOffset) {
    const why =
      'the partition has records that were not restored; only an empty one can be restored'
    throw new EdgelogError('policy_violation', why)
  }
  if (restored.sourceId !== sourceId) {
    const why = `Edgelog-Source: the partition is restored from topic ${restored.sourceId}`
    throw new EdgelogError('policy_violation', why)
  }
}
