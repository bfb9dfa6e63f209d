/** Reports events: `report` decides whether one is a repeat, and gives it to the sink. */
import { causeOf, EVENT_LEVELS, type ReportedEvent, type ServerEvent } from './event.ts'
import { toLogLine } from './log-line.ts'
import { RepeatLimit } from './repeat-limit.ts'

/** Takes an event. It is called synchronously, in the middle of requests: it should return at once. */
export type EventSink = (event: ReportedEvent) => void

const repeatLimit = new RepeatLimit()
let sink: EventSink = logEvent

/**
 * Replaces what happens with events; without it, each is a line of JSON in the log.
 *
 * Call it where the module of the Worker begins, not in a handler. The sink belongs to the module and not to
 * `createApp()`, because the Durable Objects report events too. They run the same script, often in an isolate
 * where no request ever comes, and nothing is passed to them but bindings.
 *
 * An error that the sink throws is logged together with the event, and goes no further.
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
}

/** Writes an event as a line of JSON to the log. The sink unless another one is set. */
export function logEvent(event: ReportedEvent): void {
  console[event.level](toLogLine(event))
}

/** Reports an event, unless one of the same cause was reported a short while ago. Never throws. */
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
