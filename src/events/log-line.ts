/** Writes an event as one line of JSON: `level` and `event` first, the stack last. */
import { EVENT_TEXT_CHARS_MAX } from '../core/limits.ts'
import { errorText, type ReportedEvent } from './event.ts'

export function toLogLine(reported: ReportedEvent): string {
  const { type, level, timeMs, repeats, ...rest } = reported
  const { error, ...fields } = { error: undefined, ...rest }
  return JSON.stringify(
    {
      time: new Date(timeMs).toISOString(),
      level,
      event: type,
      ...fields,
      ...(repeats > 0 && { repeats }),
      ...('error' in rest && errorFields(error)),
    },
    // Paths and messages may contain what a caller sent, of any length.
    (_, value) => (typeof value === 'string' ? value.slice(0, EVENT_TEXT_CHARS_MAX) : value),
  )
}

function errorFields(error: unknown): { message: string; cause?: string; stack?: string } {
  const message = errorText(error)
  if (!(error instanceof Error)) return { message }
  const { cause, stack } = error
  return {
    message,
    ...(cause !== undefined && { cause: errorText(cause) }),
    ...(typeof stack === 'string' && { stack }),
  }
}
