/** Fetches the committed offsets at which partitions begin. */
import { EdgelogError } from '../../src/core/errors.ts'
import { sleep } from '../clock.ts'
import { retryDelayMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { isTransient } from '../http/request-error.ts'
import { RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX } from '../limits.ts'
import { fetchOffsets } from './group-calls.ts'

interface FetchCommittedContext {
  readonly connection: Connection
  readonly groupId: string
  readonly signal: AbortSignal
  /** Returns whether the offsets are still needed. */
  readonly isNeeded: () => boolean
  /** Called with the error of each attempt; with undefined after success. */
  readonly noteError: (error: unknown) => void
}

/**
 * Returns the committed offsets of a group, by topic and partition. Waits until no open transaction may change them.
 *
 * @param topic undefined: all topics
 * @returns undefined if they are not needed any more
 * @throws the first error that a retry cannot solve
 */
export async function fetchCommitted(
  { connection, groupId, signal, isNeeded, noteError }: FetchCommittedContext,
  topic: string | undefined,
): Promise<ReadonlyMap<string, number> | undefined> {
  for (let attempts = 1; isNeeded(); attempts++) {
    try {
      const options = { signal, isStable: true }
      const offsets = await fetchOffsets(connection, groupId, topic, options)
      noteError(undefined)
      return new Map(offsets.map((committed) => [partitionName(committed), committed.offset]))
    } catch (error) {
      if (signal.aborted) return undefined
      noteError(error)
      if (!isTransient(error) && !isGone(error)) throw error
      const delayMs = retryDelayMs(
        ...[connection, error, attempts, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX],
      )
      await sleep(connection.clock, delayMs, signal)
    }
  }
  return undefined
}

/** Returns whether the topic or the group was deleted; a heartbeat will bring the new assignment. */
export function isGone(error: unknown): boolean {
  return (
    error instanceof EdgelogError &&
    (error.code === 'unknown_topic_or_partition' || error.code === 'group_id_not_found')
  )
}

/** Returns a key for a partition of the topic that has the name now. */
export function partitionName(place: {
  readonly topic: string
  readonly partition: number
}): string {
  return `${place.topic}/${place.partition}`
}
