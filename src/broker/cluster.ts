/** The parts that one request needs to reach the log: the objects, the topic metadata and the cached ends of logs. */
import { AppendLanes } from './append-lanes.ts'
import { KnownBounds } from './known-bounds.ts'
import { type CallMeter, type ObjectBindings, Objects } from './objects.ts'
import { ReadAhead, ReadAheadBudget } from './read-ahead.ts'
import { TopicCache } from './topic-cache.ts'
import { TopicMetadata } from './topic-metadata.ts'
import { TransactionNumbers } from './transaction-numbers.ts'

/** Caches that the requests of one app share within an isolate. */
export interface Caches {
  readonly topics: TopicCache
  readonly bounds: KnownBounds
  readonly readAhead: ReadAheadBudget
  readonly transactions: TransactionNumbers
}

export function newCaches(): Caches {
  return {
    topics: new TopicCache(),
    bounds: new KnownBounds(),
    readAhead: new ReadAheadBudget(),
    transactions: new TransactionNumbers(),
  }
}

export interface Cluster {
  readonly objects: Objects
  readonly appends: AppendLanes
  readonly topics: TopicMetadata
  readonly bounds: KnownBounds
  readonly transactions: TransactionNumbers
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
  { topics, bounds, readAhead, transactions }: Caches,
  { meter, isSession = false }: RequestOptions = {},
): Cluster {
  const objects = new Objects(bindings, meter)
  const metadata = new TopicMetadata(objects, topics, bounds)
  const appends = new AppendLanes(metadata)
  const cluster = { objects, topics: metadata, appends, bounds, transactions }
  return isSession ? { ...cluster, readAhead: new ReadAhead(metadata, bounds, readAhead) } : cluster
}
