/** Reports events: `report` filters repeats and passes the rest to the sink. */
import { causeOf, EVENT_LEVELS, type ReportedEvent, type ServerEvent } from './event.ts'
import { toLogLine } from './log-line.ts'
import { RepeatLimit } from './repeat-limit.ts'

/** Receives an event. It is called synchronously, during requests, so it should return at once. */
export type EventSink = (event: ReportedEvent) => void

let repeatLimit = new RepeatLimit()
let sink: EventSink = logEvent

/**
 * Replaces the event sink; the default writes each event as a line of JSON to the log.
 *
 * Call it at the top level of the Worker's module, not in a handler. The sink belongs to the module and not to
 * `createApp()`, because the Durable Objects report events too. They run the same script, often in an isolate that
 * receives no requests, and only bindings can be passed to them.
 *
 * An error that the sink throws is logged together with the event, and is not rethrown.
 *
 * @example Count events in Analytics Engine, and log them as before
 * import { env } from 'cloudflare:workers'
 * import { logEvent, setEventSink } from 'edgelog/worker'
 * setEventSink((event) => {
 *   env.EVENTS.writeDataPoint({ indexes: [event.type], doubles: [1 + event.repeats] })
 *   logEvent(event)
 * })
 */
export function setEventSink(replacement: EventSink): void {
  sink = replacement
  // The new sink has seen no event yet.
  repeatLimit = new RepeatLimit()
}

/** Writes an event as a line of JSON to the log. The default sink. */
export function logEvent(event: ReportedEvent): void {
  console[event.level](toLogLine(event))
}

/** Reports an event, unless one with the same cause was reported within the interval. Never throws. */
export function report(event: ServerEvent): void {
  const reported = admit(event)
  if (reported === undefined) return
  try {
    sink(reported)
  } catch (error) {
    logEvent(reported)
    const failure = admit({ type: 'sink_failed', error })
    if (failure !== undefined) logEvent(failure)
  }
}

function admit(event: ServerEvent): ReportedEvent | undefined {
  const timeMs = Date.now()
  const cause = causeOf(event)
  const repeats = cause === undefined ? 0 : repeatLimit.admit(cause, timeMs)
  if (repeats === undefined) return undefined
  return { ...event, level: EVENT_LEVELS[event.type], timeMs, repeats }
}
