/** Routes about the server: what it is, whether it is well, and what became of a statement. */
import type { AppContext } from '../app/env.ts'
import type { App } from '../app/route.ts'
import { EdgelogError } from '../core/errors.ts'
import { isSessionProperty } from '../core/sql/catalog/known-properties.ts'
import type { StatementResult } from '../core/sql/statements/statement-results.ts'
import { HOST } from './entities.ts'
import { BAD_REQUEST, KsqlError } from './errors.ts'
import { addKsqlRoute, jsonResponse } from './route.ts'
import { statementsOf } from './statements-of.ts'

/** The version of ksqlDB whose API this is: clients choose their calls by it. */
const VERSION = '0.29.0'
const KAFKA_CLUSTER_ID = 'edgelog'
const SERVICE_ID = 'default_'
const CLUSTER_ID = {
  id: '',
  scope: {
    path: [],
    clusters: { 'kafka-cluster': KAFKA_CLUSTER_ID, 'ksql-cluster': SERVICE_ID },
  },
} as const

export function addServerRoutes(app: App): void {
  // Relative, because a front may serve the API at the root of a port of its own.
  addKsqlRoute(app, { method: 'get', path: '', summary: 'Lead to /info' }, async (c) =>
    c.redirect('ksqldb/info'),
  )
  addKsqlRoute(app, { method: 'get', path: '/', summary: 'Lead to /info' }, async (c) =>
    c.redirect('info'),
  )
  addKsqlRoute(app, { method: 'get', path: '/info', summary: 'Describe the server' }, async (c) =>
    jsonResponse(c, {
      KsqlServerInfo: {
        ...{ version: VERSION, kafkaClusterId: KAFKA_CLUSTER_ID, ksqlServiceId: SERVICE_ID },
        serverStatus: 'RUNNING',
      },
    }),
  )
  addKsqlRoute(
    app,
    { method: 'get', path: '/healthcheck', summary: 'Check that the catalog responds' },
    health,
  )
  addKsqlRoute(
    app,
    { method: 'get', path: '/clusterStatus', summary: 'List the hosts: one' },
    async (c) => {
      const lastStatusUpdateMs = Date.now()
      const host = { hostAlive: true, lastStatusUpdateMs, activeStandbyPerQuery: {} }
      const hostStoreLags = { stateStoreLags: {}, updateTimeMs: lastStatusUpdateMs }
      return jsonResponse(c, { clusterStatus: { [HOST]: { ...host, hostStoreLags } } })
    },
  )
  addKsqlRoute(
    app,
    { method: 'get', path: '/v1/metadata', summary: 'Return version and cluster' },
    async (c) => jsonResponse(c, { version: VERSION, clusterId: CLUSTER_ID }),
  )
  addKsqlRoute(
    app,
    { method: 'get', path: '/v1/metadata/id', summary: 'Return the cluster' },
    async (c) => jsonResponse(c, CLUSTER_ID),
  )
  addKsqlRoute(
    app,
    {
      method: 'get',
      path: '/is_valid_property/{property}',
      summary: 'Return whether a property may be set',
    },
    async (c, { property = '' }) => {
      if (isSessionProperty(property)) return jsonResponse(c, true)
      throw new KsqlError(BAD_REQUEST, `Property ${property} is not known, or cannot be set`)
    },
  )
  addStatusRoutes(app)
}

async function health(c: AppContext): Promise<Response> {
  let isHealthy = true
  try {
    await statementsOf(c).run({ text: 'SHOW TYPES;' })
  } catch (error) {
    if (!(error instanceof EdgelogError) || !error.retryable) throw error
    isHealthy = false
  }
  const details = Object.fromEntries(
    ['metastore', 'kafka', 'commandRunner'].map((name) => [name, { isHealthy }]),
  )
  return jsonResponse(c, { isHealthy, details, serverState: { state: 'READY' } })
}

/**
 * A statement is carried out before its response, and the catalog keeps what is there, not what was done: the status
 * of a command is that of the thing it is about.
 */
function addStatusRoutes(app: App): void {
  addKsqlRoute(
    app,
    { method: 'get', path: '/status', summary: 'List the statements that made what is there' },
    async (c) => {
      const entries = (await commandIds(c)).map((id) => [id, 'SUCCESS'] as const)
      return jsonResponse(c, { commandStatuses: Object.fromEntries(entries) })
    },
  )
  addKsqlRoute(
    app,
    {
      method: 'get',
      path: '/status/{type}/{entity}/{action}',
      summary: 'Return what became of a statement',
    },
    async (c, { type = '', entity = '', action = '' }) => {
      const name = entity.replace(/^`(.*)`$/, '$1')
      const isThere = (await commandIds(c)).includes(`${type}/${name}/create`)
      if (isThere && action === 'create') {
        return jsonResponse(c, { status: 'SUCCESS', message: `${type} ${name} exists` })
      }
      if (!isThere && action === 'drop') {
        return jsonResponse(c, { status: 'SUCCESS', message: `${type} ${name} does not exist` })
      }
      throw new EdgelogError('not_found', 'Command not found')
    },
  )
}

async function commandIds(c: AppContext): Promise<string[]> {
  const text = 'SHOW STREAMS; SHOW TABLES; SHOW TYPES;'
  return (await statementsOf(c).run({ text })).flatMap(commandIdsOf)
}

function commandIdsOf(result: StatementResult): string[] {
  if (result.kind === 'types') return result.types.map(({ name }) => `type/${name}/create`)
  if (result.kind !== 'sources') return []
  const kind = result.sourceKind.toLowerCase()
  return result.sources.map(({ name }) => `${kind}/${name}/create`)
}
