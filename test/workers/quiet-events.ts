import { logEvent, setEventSink } from '../../src/events/report.ts'

/** Logs only errors: tests that break calls on purpose cause many other events. */
export function logErrorsOnly(): void {
  setEventSink((event) => {
    if (event.level === 'error') logEvent(event)
  })
}
