/**
 * The Worker: the HTTP app, the Durable Object classes, and where its events go.
 *
 * @example Mounting edgelog in a Worker of your own
 * export { Coordinator, Group, Partition } from 'edgelog/worker'
 * import { createApp } from 'edgelog/worker'
 * const log = createApp()
 * export default { fetch: (request, env, ctx) => log.fetch(request, env, ctx) }
 */
import { createApp } from './http/app.ts'

export { Coordinator } from '../durable-objects/coordinator/coordinator.ts'
export { Group } from '../durable-objects/group/group.ts'
export { Partition } from '../durable-objects/partition/partition.ts'
export type { ReportedEvent } from './events/event.ts'
export { type EventSink, logEvent, setEventSink } from './events/report.ts'
export { createApp }

export default createApp()
