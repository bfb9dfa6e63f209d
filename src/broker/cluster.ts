/** The parts that one request needs to reach the log: the objects, the topic metadata and the cached ends of logs. */
import { AppendLanes } from './append-lanes.ts'
import { KnownBounds } from './known-bounds.ts'
import { type CallMeter, type ObjectBindings, Objects } from './objects.ts'
import { TopicCache } from './topic-cache.ts'
import { TopicMetadata } from './topic-metadata.ts'

/** Caches that the requests of one app share within an isolate. */
export interface Caches {
  readonly topics: TopicCache
  readonly bounds: KnownBounds
}

export function newCaches(): Caches {
  return { topics: new TopicCache(), bounds: new KnownBounds() }
}

export interface Cluster {
  readonly objects: Objects
  readonly appends: AppendLanes
  readonly topics: TopicMetadata
  readonly bounds: KnownBounds
}

/**
 * Makes the cluster of one request.
 *
 * @param caches those of the app, which outlive the request.
 * @param meter that of the request, if several clusters serve it.
 */
export function connectCluster(
  bindings: ObjectBindings,
  { topics, bounds }: Caches,
  meter?: CallMeter,
): Cluster {
  const objects = new Objects(bindings, meter)
  const metadata = new TopicMetadata(objects, topics, bounds)
  return { objects, topics: metadata, appends: new AppendLanes(metadata), bounds }
}
