/** Runs a topology in a page, over the records that this browser has. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import { checkTopology, type Topology } from '../../../src/core/streams/topology.ts'
import { BrowserClient } from '../browser-client.ts'
import type { PageRunningTopology } from './page-topology.ts'

export interface PageRunOptions {
  /** Where the first run begins to read; default `earliest`. */
  readonly from?: StartPosition
  /** Name of the application, in place of the topology's. */
  readonly name?: string
}

/**
 * Runs a topology in this browser, offline too: one tab runs its tasks, and every tab reads its stores. State is in the
 * page's database. What the topology writes is queued in the outbox, in one transaction with the state. The topics must
 * exist; repartitions stay in this browser.
 *
 * Each browser is an application of its own: if many run the same topology, each of them writes its results.
 *
 * @throws {EdgelogError} `invalid_request` for a name that is not allowed; `unavailable` if the rest of the client's
 * code cannot be loaded. Other errors are events.
 * @example
 * const log = connect()
 * const running = await runTopology(scores, log)
 * await running.store('totals').range()
 */
export async function runTopology(
  topology: Topology,
  log: BrowserClient,
  { from = 'earliest', name = topology.name }: PageRunOptions = {},
): Promise<PageRunningTopology> {
  const named = checkTopology({ ...topology, name })
  const engine = await BrowserClient.parts(log).load()
  // Loaded now: a page that only describes topologies does not need it.
  const { PageTopology } = await import('./page-topology.ts').catch((error: unknown) => {
    throw new EdgelogError('unavailable', `the code of topologies: ${String(error)}`)
  })
  return new PageTopology(named, from, log, engine)
}
