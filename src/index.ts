/**
 * The Worker: the app with the built-in doors, the Durable Object classes, and the event sink.
 *
 * @example Mounting edgelog in a Worker of your own
 * export { Application, Catalog, Coordinator, Group, Partition, Task, Transaction } from 'edgelog/worker'
 * import { createApp } from 'edgelog/worker'
 * const log = createApp()
 * export default { fetch: (request, env, ctx) => log.fetch(request, env, ctx) }
 */

import { registerProgram, registerTopologies } from '../durable-objects/topologies.ts'
import { type AppOptions, createApp as createAppOf, type EdgelogApp } from './app/app.ts'
import { SQL_PROGRAM } from './core/sql/plan/query-program.ts'
import { sqlCompiler } from './core/sql/plan/sql-compiler.ts'
import type { Topology } from './core/streams/topology.ts'
import { httpDoor } from './http/door.ts'
import { kafkaDoor } from './kafka/door.ts'
import { ksqlDoor } from './ksql/door.ts'
import { sqlDoor } from './sql/door.ts'
import { streamsDoor } from './streams/door.ts'

export type { AppOptions, EdgelogApp } from './app/app.ts'
export type { EdgelogEnv } from './app/bindings.ts'
export type { Door } from './app/door.ts'
export type { Authorizer } from './core/access/authorizer.ts'
export type { Principal } from './core/access/principal.ts'
export type { Operation, Resource, ResourceType } from './core/access/resource.ts'
export type { ReportedEvent } from './events/event.ts'
export { type EventSink, logEvent, setEventSink } from './events/report.ts'
export {
  Application,
  Catalog,
  Coordinator,
  Group,
  Partition,
  Task,
  Transaction,
} from './objects.ts'
export { httpDoor, kafkaDoor, ksqlDoor, sqlDoor, streamsDoor }

export interface WorkerOptions extends Partial<AppOptions> {
  /** The topologies of stream processing. Each becomes an application, which the first request deploys. */
  readonly streams?: readonly Topology[]
}

/**
 * Makes the app, with all built-in doors unless `doors` lists others.
 *
 * @example
 * const log = createApp({ streams: [leaderboard] })
 */
export function createApp({ streams = [], ...options }: WorkerOptions = {}): EdgelogApp {
  registerTopologies(streams)
  // Queries go on running in a Worker that mounts other doors.
  registerProgram(SQL_PROGRAM, sqlCompiler({ nowMs: Date.now, random: Math.random }))
  const doors = [streamsDoor(streams), sqlDoor, ksqlDoor, httpDoor, kafkaDoor]
  return createAppOf({ doors, ...options })
}

export default createApp()
