/** The parts that one request needs to reach the log: the objects, the topic metadata and the cached ends of logs. */

import { RemoteCache } from '../remote/remote-read.ts'
import { AppendLanes } from './append-lanes.ts'
import { KnownBounds } from './known-bounds.ts'
import { LogReader } from './log-reader.ts'
import { type CallMeter, type ObjectBindings, Objects } from './objects.ts'
import { PlacementCache } from './placement-cache.ts'
import { ReadAhead, ReadAheadBudget } from './read-ahead.ts'
import { CatalogCache } from './sql/catalog-cache.ts'
import { TopicCache } from './topic-cache.ts'
import { TopicMetadata } from './topic-metadata.ts'
import { TransactionNumbers } from './transaction-numbers.ts'

/** Caches that the requests of one app share within an isolate. */
export interface Caches {
  readonly topics: TopicCache
  readonly bounds: KnownBounds
  readonly readAhead: ReadAheadBudget
  readonly transactions: TransactionNumbers
  readonly remote: RemoteCache
  readonly placements: PlacementCache
  readonly catalog: CatalogCache
}

export function newCaches(): Caches {
  return {
    topics: new TopicCache(),
    bounds: new KnownBounds(),
    readAhead: new ReadAheadBudget(),
    transactions: new TransactionNumbers(),
    remote: new RemoteCache(),
    placements: new PlacementCache(),
    catalog: new CatalogCache(),
  }
}

export interface Cluster {
  readonly objects: Objects
  readonly appends: AppendLanes
  readonly topics: TopicMetadata
  readonly reader: LogReader
  readonly bounds: KnownBounds
  readonly transactions: TransactionNumbers
  readonly placements: PlacementCache
  readonly catalog: CatalogCache
  /** Only in a session. */
  readonly readAhead?: ReadAhead
}

interface RequestOptions {
  /** That of the request, if several clusters serve it. */
  readonly meter?: CallMeter | undefined
  /** True if it serves further calls after it has responded, so that it may read ahead. */
  readonly isSession?: boolean
}

/**
 * Makes the cluster of one request.
 *
 * @param caches those of the app, which outlive the request.
 */
export function connectCluster(
  bindings: ObjectBindings,
  { topics, bounds, readAhead, transactions, remote, placements, catalog }: Caches,
  { meter, isSession = false }: RequestOptions = {},
): Cluster {
  const objects = new Objects(bindings, meter)
  const metadata = new TopicMetadata(objects, topics, bounds)
  const appends = new AppendLanes(metadata)
  const reader = new LogReader(metadata, bounds, objects.remoteLog, remote)
  const shared = { bounds, transactions, placements, catalog }
  const cluster = { objects, topics: metadata, reader, appends, ...shared }
  return isSession ? { ...cluster, readAhead: new ReadAhead(reader, readAhead) } : cluster
}
