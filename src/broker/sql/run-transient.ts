/** Push queries with joins, groups or windows: their topology runs in the memory of the request. */
import { topicResource } from '../../core/access/resource.ts'
import { type CatalogState, sourceNamed } from '../../core/sql/catalog/catalog-state.ts'
import {
  formatDefaultsOf,
  type SessionProperties,
  startOf,
} from '../../core/sql/catalog/session-properties.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { TRANSIENT_STATE_BYTES_MAX } from '../../core/sql/limits.ts'
import { planTransient } from '../../core/sql/query/transient-plan.ts'
import type { Query } from '../../core/sql/syntax/ast.ts'
import { MemoryTopology } from '../../core/streams/memory-topology.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { type OpenPlace, openPlaces, type PlaceRecords, pushRecords } from './read-log.ts'
import { limited, type ResultRow, type ResultRows } from './result-rows.ts'
import { ENVIRONMENT } from './statement-context.ts'

export async function runTransient(
  cluster: Cluster,
  access: Access,
  state: CatalogState,
  query: Query,
  properties: SessionProperties,
  signal: AbortSignal,
): Promise<ResultRows> {
  const emitted: ResultRow[] = []
  const world = {
    sourceOf: (name: string) => sourceNamed(state, name),
    environment: ENVIRONMENT,
    onFailure: () => {},
    defaults: formatDefaultsOf(properties),
  }
  const { columns, topology } = planTransient(query, world, ({ values, isTombstone }) => {
    emitted.push(isTombstone ? { values, isTombstone } : { values })
  })
  const names = topology.nodes.flatMap((node) => (node.kind === 'source' ? node.topics : []))
  const places: OpenPlace[] = []
  const partitions = new Map<string, number>()
  for (const name of new Set(names)) {
    const topic = parseTopicName(name, 'topic')
    await access.check('read', topicResource(topic))
    const opened = await openPlaces(cluster, topic, startOf(properties))
    partitions.set(name, opened.length)
    places.push(...opened)
  }
  const memory = new MemoryTopology(topology, {
    partitionsOf: (topic) => partitions.get(topic) ?? 1,
    nowMs: ENVIRONMENT.nowMs,
  })
  const rows = topologyRows(pushRecords(cluster, places, signal), memory, emitted)
  const isEndless = query.limit === undefined
  const queryId = `transient_${query.from.name}_${crypto.randomUUID()}`
  return { queryId, columns, kind: 'push', isEndless, rows: limited(rows, query.limit) }
}

async function* topologyRows(
  reads: AsyncGenerator<PlaceRecords>,
  memory: MemoryTopology,
  emitted: ResultRow[],
): AsyncGenerator<readonly ResultRow[], void> {
  for await (const { place, records, isLast } of reads) {
    for (const record of records) memory.append(place.topic, place.partition, record)
    if (!isLast) continue
    memory.run()
    memory.forgetRecords()
    if (memory.stateBytes > TRANSIENT_STATE_BYTES_MAX) {
      throw new SqlError(
        `the state of the query has more than ${TRANSIENT_STATE_BYTES_MAX} bytes; CREATE ... AS SELECT keeps it in objects`,
      )
    }
    yield emitted.splice(0)
  }
}
