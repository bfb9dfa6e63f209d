/** The error of a record that failed, as it is shown, and as it is written to the topic of dead letters. */
import type { LogRecord } from '../batch/record.ts'
import { SHOWN_ERROR_LENGTH_MAX } from './limits.ts'
import type { TurnOutput } from './outgoing.ts'
import type { TurnFailure } from './task-run.ts'
import type { ShownError } from './turn-row.ts'

/** Node name of records that the error policy writes to a topic. */
export const DEAD_LETTERS = 'dead-letters'

export function shownError({ node, position, error }: TurnFailure, atMs: number): ShownError {
  const text = error instanceof Error ? error.message : String(error)
  const message = text.slice(0, SHOWN_ERROR_LENGTH_MAX)
  if (position === undefined) return { node, message, atMs }
  const { topic, partition, offset } = position
  return { node, message, record: `${topic}/${partition}/${offset}`, atMs }
}

const encoder = new TextEncoder()

/** Returns the record as it was read, with the error in its headers. */
export function deadLetter(
  { key, value, timestamp, headers }: LogRecord,
  error: ShownError,
): TurnOutput {
  const entries = { node: error.node, message: error.message, record: error.record ?? '' }
  const added = Object.entries(entries).map(([name, text]) => ({
    key: `edgelog.error.${name}`,
    value: encoder.encode(text),
  }))
  return { node: DEAD_LETTERS, key, value, timestamp, headers: [...headers, ...added] }
}
