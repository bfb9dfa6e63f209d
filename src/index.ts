/**
 * The Worker: the app with the built-in doors, the Durable Object classes, and the event sink.
 *
 * @example Mounting edgelog in a Worker of your own
 * export { Coordinator, Group, Partition, Transaction } from 'edgelog/worker'
 * import { createApp } from 'edgelog/worker'
 * const log = createApp()
 * export default { fetch: (request, env, ctx) => log.fetch(request, env, ctx) }
 */
import { type AppOptions, createApp as createAppOf, type EdgelogApp } from './app/app.ts'
import { httpDoor } from './http/door.ts'
import { kafkaDoor } from './kafka/door.ts'

export type { AppOptions, EdgelogApp } from './app/app.ts'
export type { EdgelogEnv } from './app/bindings.ts'
export type { Door } from './app/door.ts'
export type { Authorizer } from './core/access/authorizer.ts'
export type { Principal } from './core/access/principal.ts'
export type { Operation, Resource, ResourceType } from './core/access/resource.ts'
export type { ReportedEvent } from './events/event.ts'
export { type EventSink, logEvent, setEventSink } from './events/report.ts'
export { Coordinator, Group, Partition, Transaction } from './objects.ts'
export { httpDoor, kafkaDoor }

const DOORS = [httpDoor, kafkaDoor]

/** Makes the app, with all built-in doors unless `doors` lists others. */
export function createApp(options: Partial<AppOptions> = {}): EdgelogApp {
  return createAppOf({ doors: DOORS, ...options })
}

export default createApp()
