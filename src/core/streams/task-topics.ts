/** The topics of a topology, and those that each of its tasks reads and writes. */

import { DEAD_LETTERS } from './failed-record.ts'
import type { SubTopology } from './split.ts'
import type { Topology } from './topology.ts'

export interface NamedTopic {
  readonly name: string
  readonly partitions: number
}

export interface TopologyTopics<T extends NamedTopic> {
  /** By name. */
  readonly sources: ReadonlyMap<string, T>
  /** By the name of the repartition. */
  readonly internal: ReadonlyMap<string, T>
  /** By name: the topics of sinks, and that of dead letters. */
  readonly sinks: ReadonlyMap<string, T>
}

/** A topic by which a node reads or writes. */
export interface NodeTopic<T extends NamedTopic> {
  readonly node: string
  readonly topic: T
  readonly isInternal: boolean
}

/** Returns the names of the topics that a topology reads. */
export function sourceTopics({ nodes }: Topology): Set<string> {
  return new Set(nodes.flatMap((node) => (node.kind === 'source' ? node.topics : [])))
}

/**
 * Returns the topics that a topology writes, each with the number of partitions that it gets if it does not exist: that
 * of the tasks that write to it.
 *
 * @param tasks The number of tasks of each sub-topology.
 */
export function sinkTopics(
  { onError }: Topology,
  subs: readonly SubTopology[],
  tasks: readonly number[],
): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (topic: string, partitions: number) =>
    counts.set(topic, counts.get(topic) ?? partitions)
  for (const { index, nodes } of subs) {
    for (const node of nodes) if (node.kind === 'sink') add(node.topic, tasks[index] as number)
  }
  if (typeof onError === 'object') add(onError.deadLetterTopic, Math.max(...tasks))
  return counts
}

/** Returns the names of the topics that a topology writes. */
export function sinkNames({ nodes, onError }: Topology): Set<string> {
  const names = nodes.flatMap((node) => (node.kind === 'sink' ? [node.topic] : []))
  return new Set(typeof onError === 'object' ? [...names, onError.deadLetterTopic] : names)
}

/** Returns the topics of which a task reads its partition. */
export function topicsRead<T extends NamedTopic>(
  { reads }: SubTopology,
  partition: number,
  { sources, internal }: TopologyTopics<T>,
): NodeTopic<T>[] {
  return reads.flatMap((node) => {
    const isInternal = node.kind === 'repartition'
    const topics = isInternal
      ? [internal.get(node.name) as T]
      : node.topics.map((name) => sources.get(name) as T)
    return topics
      .filter(({ partitions }) => partition < partitions)
      .map((topic) => ({ node: node.name, topic, isInternal }))
  })
}

/** Returns the topics that a task writes. */
export function topicsWritten<T extends NamedTopic>(
  { onError }: Topology,
  { nodes }: SubTopology,
  { internal, sinks }: TopologyTopics<T>,
): NodeTopic<T>[] {
  const own = nodes.flatMap((node): NodeTopic<T>[] => {
    if (node.kind === 'sink') {
      return [{ node: node.name, topic: sinks.get(node.topic) as T, isInternal: false }]
    }
    if (node.kind !== 'repartition') return []
    return [{ node: node.name, topic: internal.get(node.name) as T, isInternal: true }]
  })
  if (typeof onError !== 'object') return own
  const topic = sinks.get(onError.deadLetterTopic) as T
  return [...own, { node: DEAD_LETTERS, topic, isInternal: false }]
}
