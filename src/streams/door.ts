/** The door of stream processing: applications and queries of their stores. docs/STREAMS.md describes it. */
import type { Door } from '../app/door.ts'
import { brokerFor } from '../app/env.ts'
import type { App } from '../app/route.ts'
import { allowAll } from '../core/access/authorizer.ts'
import { ANONYMOUS } from '../core/access/principal.ts'
import { EdgelogError } from '../core/errors.ts'
import { DEPLOY_RETRY_MS } from '../core/streams/limits.ts'
import type { Topology } from '../core/streams/topology.ts'
import { report } from '../events/report.ts'
import { addApplicationRoutes } from './applications.ts'
import { addQueryRoutes } from './queries.ts'

/**
 * Makes the door.
 *
 * @param topologies Their applications are deployed by the first request of each instance of the Worker.
 */
export function streamsDoor(topologies: readonly Topology[] = []): Door {
  return {
    name: 'streams',
    bindings: [],
    mount(app) {
      if (topologies.length > 0) deployOnce(app, topologies)
      addApplicationRoutes(app, topologies)
      addQueryRoutes(app)
      return undefined
    },
  }
}

/** A Worker has no start, so its first request deploys what it brings. */
function deployOnce(app: App, topologies: readonly Topology[]): void {
  let nextAtMs = 0
  app.use(async (c, next) => {
    if (nextAtMs <= Date.now()) {
      nextAtMs = Number.POSITIVE_INFINITY
      const parts = { env: c.env, ...c.get('shared'), authorizer: allowAll }
      const deploying = deployAll(topologies, parts).then((isDone) => {
        if (!isDone) nextAtMs = Date.now() + DEPLOY_RETRY_MS
      })
      c.executionCtx.waitUntil(deploying)
    }
    await next()
  })
}

/** Returns false if a topology could not be deployed. */
async function deployAll(
  topologies: readonly Topology[],
  parts: Parameters<typeof brokerFor>[0],
): Promise<boolean> {
  let isDone = true
  for (const topology of topologies) {
    try {
      await brokerFor(parts, ANONYMOUS, false).applications.deploy(topology, 'earliest')
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      report({ type: 'application_starting', application: topology.name, error: error.message })
      if (error.retryable) isDone = false
    }
  }
  return isDone
}
