/** Applications of stream processing: their lives, and queries of their stores. */
import { EdgelogError } from '../core/errors.ts'
import type {
  ApplicationDescription,
  ApplicationSummary,
  DeployRequest,
  StartPosition,
  StorePlacement,
} from '../core/streams/application-api.ts'
import { describeTopology } from '../core/streams/describe-topology.ts'
import { type QueryResult, type StoreQuery, taskObjectName } from '../core/streams/task-api.ts'
import type { Topology } from '../core/streams/topology.ts'
import { partitionForKey } from '../core/topic/partitioner.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

/** A name that an application may have. */
const APPLICATION_NAME = /^[a-zA-Z0-9._-]{1,100}$/

export async function listApplications(cluster: Cluster): Promise<readonly string[]> {
  return await cluster.objects.coordinate((coordinator) => coordinator.listApplications())
}

/** @throws {EdgelogError} `not_found`. */
export async function summarizeApplication(
  { objects }: Cluster,
  name: string,
): Promise<ApplicationSummary> {
  return await objects.callApplication(checked(name), (application) => application.summarize())
}

/** @throws {EdgelogError} `not_found`. */
export async function describeApplication(
  { objects }: Cluster,
  name: string,
): Promise<ApplicationDescription> {
  return await objects.callApplication(checked(name), (application) => application.describe())
}

/** Creates the application of a topology, or changes it. */
export async function deployApplication(
  { objects }: Cluster,
  topology: Topology,
  from: StartPosition,
): Promise<ApplicationSummary> {
  const request: DeployRequest = { topology: describeTopology(topology), from }
  return await objects.callApplication(topology.name, (application) => application.deploy(request))
}

export async function changeApplication(
  { objects }: Cluster,
  name: string,
  change: 'pause' | 'resume' | { readonly resetTo: StartPosition },
): Promise<ApplicationSummary> {
  return await objects.callApplication(checked(name), (application) => {
    if (typeof change === 'object') return application.reset(change.resetTo)
    return change === 'pause' ? application.pause() : application.resume()
  })
}

export async function removeApplication({ objects }: Cluster, name: string): Promise<void> {
  await objects.callApplication(checked(name), (application) => application.remove())
}

/** Returns where a store is, and its formats. */
export async function placementOf(
  { objects, placements }: Cluster,
  name: string,
  store: string,
): Promise<StorePlacement> {
  const nowMs = Date.now()
  const id = `${checked(name)}/${store}`
  const cached = placements.get(id, nowMs)
  if (cached !== undefined) return cached
  const placement = await objects.callApplication(name, (application) =>
    application.placement(store),
  )
  placements.set(id, placement, nowMs)
  return placement
}

/** A query without the name of its store. */
export type QueryOf<Kind extends StoreQuery['kind']> = Omit<
  Extract<StoreQuery, { kind: Kind }>,
  'store'
>

/** Reads a key, or the windows of a key, where it lies: the task of its partition. */
export async function queryKey(
  cluster: Cluster,
  name: string,
  store: string,
  query: QueryOf<'get'> | (QueryOf<'windows'> & { readonly key: Uint8Array }),
): Promise<QueryResult> {
  const { tasks } = await placementOf(cluster, name, store)
  const partition = partitionForKey(query.key, tasks)
  return await queryTask(cluster, name, { ...query, store }, partition)
}

/** Reads a range of keys, or the windows of all keys, of all tasks that have some. */
export async function queryAll(
  cluster: Cluster,
  name: string,
  store: string,
  query: QueryOf<'range'> | QueryOf<'windows'>,
): Promise<QueryResult> {
  const { tasks } = await placementOf(cluster, name, store)
  const partitions = Array.from({ length: tasks }, (_, partition) => partition)
  const results = await fanOut(partitions, (partition) =>
    queryTask(cluster, name, { ...query, store }, partition),
  )
  const rows = results.flatMap((result) => result.rows)
  return {
    rows: rows.slice(0, query.limit),
    hasMore: rows.length > query.limit || results.some(({ hasMore }) => hasMore),
    positions: results.flatMap(({ positions }) => positions),
  }
}

/** Reads a store of one task. */
export async function queryTask(
  cluster: Cluster,
  name: string,
  query: StoreQuery,
  partition: number,
): Promise<QueryResult> {
  const before = await placementOf(cluster, name, query.store)
  try {
    return await callTask(cluster, name, query, before, partition)
  } catch (error) {
    // The application has another generation since the placement was read.
    if (!(error instanceof EdgelogError) || error.code !== 'not_found') throw error
    cluster.placements.delete(`${name}/${query.store}`)
    const now = await placementOf(cluster, name, query.store)
    if (!isAlike(before, now)) {
      const why = `store ${query.store}: it has another format now; try again`
      throw new EdgelogError('unavailable', why)
    }
    return await callTask(cluster, name, query, now, partition)
  }
}

async function callTask(
  cluster: Cluster,
  name: string,
  query: StoreQuery,
  { sub, generation }: StorePlacement,
  partition: number,
): Promise<QueryResult> {
  const task = taskObjectName(name, generation, sub, partition)
  return await cluster.objects.callTask(task, (stub) => stub.query(query))
}

/** Returns whether a query that is made for one placement fits another. */
function isAlike(one: StorePlacement, other: StorePlacement): boolean {
  return one.tasks === other.tasks && one.kind === other.kind && one.key === other.key
}

function checked(name: string): string {
  if (APPLICATION_NAME.test(name)) return name
  const why = "1 to 100 letters, digits, '.', '_' and '-' are allowed"
  throw new EdgelogError('invalid_request', `application: ${why}`)
}
