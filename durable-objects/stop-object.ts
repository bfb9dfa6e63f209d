/** Stops an object whose memory may no longer match its rows. */
import { errorText, type ServerEvent } from '../src/events/event.ts'
import { report } from '../src/events/report.ts'

type StoppedKind = Extract<ServerEvent, { type: 'object_stopped' }>['kind']

/** Aborts the object and every call that waits for it. The next call restarts it from its rows. */
export function stopObject(
  ctx: DurableObjectState,
  kind: StoppedKind,
  why: string,
  error: unknown,
): void {
  report({ type: 'object_stopped', kind, name: ctx.id.name ?? ctx.id.toString(), error })
  ctx.abort(`${why}: ${errorText(error)}`)
}
