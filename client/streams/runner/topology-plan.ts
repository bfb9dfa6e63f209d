/** Plans the run of a topology: its topics, where each is read from, and how many tasks there are. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { StoredForm } from '../../../src/core/stored-form.ts'
import type { StartPosition } from '../../../src/core/streams/application-api.ts'
import {
  describeTopology,
  type TopologyDescription,
} from '../../../src/core/streams/describe-topology.ts'
import { repartitionTopic } from '../../../src/core/streams/internal-topics.ts'
import {
  countPartitions,
  type SubTopology,
  splitTopology,
  subTopologyNumbers,
} from '../../../src/core/streams/split.ts'
import {
  type NamedTopic,
  sinkTopics,
  sourceTopics,
  type TopologyTopics,
} from '../../../src/core/streams/task-topics.ts'
import type { Topology } from '../../../src/core/streams/topology.ts'
import { compareTopologies } from '../../../src/core/streams/upgrade.ts'

export interface PlannedTopic extends NamedTopic {
  /** A topic that is deleted and created again gets another id. */
  readonly id: string
  /** The topic's `max.message.bytes`. */
  readonly batchBytesMax: number
}

export type NewTopic = NamedTopic & { readonly isInternal: boolean; readonly node: string }

/** The topics of the log, for a plan. */
export interface PlanTopics {
  /** Returns a topic; undefined if it does not exist. */
  find(name: string): Promise<PlannedTopic | undefined>
  /** Returns a topic that is written to, and creates it where that is possible. */
  ensure(topic: NewTopic): Promise<PlannedTopic>
  /** Returns the offset at which a partition is read first. */
  startOffset(topic: PlannedTopic, partition: number, from: StartPosition): Promise<number>
}

export interface TopologyPlan {
  /** Another one for each run that begins anew: state and messages of former runs are recognized by it. */
  readonly runId: string
  readonly topology: TopologyDescription
  /** By the name of the node: the number of its sub-topology. */
  readonly subs: Readonly<Record<string, number>>
  /** By sub-topology: the number of its tasks. */
  readonly tasks: readonly number[]
  readonly sources: readonly PlannedTopic[]
  readonly sinks: readonly PlannedTopic[]
  /** By the name of the repartition. */
  readonly internal: Readonly<Record<string, PlannedTopic>>
  /** By `topic/partition`. */
  readonly starts: Readonly<Record<string, number>>
}

export const STORED_PLAN = new StoredForm<TopologyPlan>('the plan of a topology')

export interface PlanOptions {
  readonly from: StartPosition
  /** The plan of the run that goes on; undefined: a run begins. */
  readonly stored: TopologyPlan | undefined
}

/**
 * Finds and creates the topics. Nothing is created unless all source topics exist and are co-partitioned.
 *
 * @throws {EdgelogError} `invalid_request` with the name of the node that is wrong, and for a topic that was recreated
 * or has more partitions; `invalid_topology` with the reasons.
 */
export async function planTopology(
  topology: Topology,
  topics: PlanTopics,
  { from, stored }: PlanOptions,
): Promise<TopologyPlan> {
  const description = describeTopology(topology)
  const subs = splitTopology(topology)
  const numbers = subTopologyNumbers(subs)
  if (stored !== undefined) checkUpgrade(stored, { topology: description, subs: numbers })
  const sources = new Map<string, PlannedTopic>()
  for (const name of sourceTopics(topology)) {
    const topic = await topics.find(name)
    if (topic !== undefined) sources.set(name, topic)
  }
  const counts = countPartitions(topology, (name) => sources.get(name)?.partitions)
  if (stored !== undefined) checkTopics(stored, [...sources.values()], counts.tasks)
  const internal: Record<string, PlannedTopic> = {}
  for (const [node, partitions] of counts.internal) {
    const name = repartitionTopic(topology.name, node)
    internal[node] = await topics.ensure({ name, partitions, node, isInternal: true })
  }
  const sinks: PlannedTopic[] = []
  for (const [name, partitions] of sinkTopics(topology, subs, counts.tasks)) {
    sinks.push(await topics.ensure({ name, partitions, node: name, isInternal: false }))
  }
  const read = [...sources.values(), ...Object.values(internal)]
  if (stored !== undefined) checkTopics(stored, [...read, ...sinks], counts.tasks)
  const starts = { ...stored?.starts }
  for (const topic of read) {
    // Records of an earlier run may still be in an internal topic; this run must not read them.
    const start = sources.has(topic.name) ? from : 'latest'
    for (let partition = 0; partition < topic.partitions; partition++) {
      starts[`${topic.name}/${partition}`] ??= await topics.startOffset(topic, partition, start)
    }
  }
  return {
    runId: stored?.runId ?? crypto.randomUUID(),
    ...{ topology: description, subs: numbers, tasks: counts.tasks },
    ...{ sources: [...sources.values()], sinks, internal, starts },
  }
}

/**
 * Checks that the topics of a plan are still those that the log has.
 *
 * @throws {EdgelogError} `invalid_request` for a topic that is gone, that was created again, or that grew.
 */
export async function verifyPlan(
  topology: Topology,
  plan: TopologyPlan,
  topics: Pick<PlanTopics, 'find'>,
): Promise<void> {
  const found = new Map<string, PlannedTopic>()
  for (const { name } of [...plan.sources, ...plan.sinks, ...Object.values(plan.internal)]) {
    const topic = await topics.find(name)
    if (topic === undefined) {
      throw new EdgelogError('invalid_request', `topic ${name}: it does not exist any more`)
    }
    found.set(name, topic)
  }
  const counts = countPartitions(topology, (name) => found.get(name)?.partitions)
  checkTopics(plan, [...found.values()], counts.tasks)
}

/** Returns the topics of a plan, as tasks find theirs. */
export function topicsOf({ sources, sinks, internal }: TopologyPlan): TopologyTopics<PlannedTopic> {
  const byName = (list: readonly PlannedTopic[]) =>
    new Map(list.map((topic) => [topic.name, topic]))
  return {
    sources: byName(sources),
    sinks: byName(sinks),
    internal: new Map(Object.entries(internal)),
  }
}

/** Returns the names of the topics of repartitions. */
export function internalTopics({ internal }: TopologyPlan): Set<string> {
  return new Set(Object.values(internal).map(({ name }) => name))
}

/** One task of a topology: a sub-topology for one partition. */
export interface TaskPlace {
  readonly sub: SubTopology
  readonly partition: number
  /** As Kafka Streams names it: `0_3`. */
  readonly name: string
}

export function tasksOf(topology: Topology, { tasks }: TopologyPlan): TaskPlace[] {
  return splitTopology(topology).flatMap((sub) =>
    Array.from({ length: tasks[sub.index] as number }, (_, partition) => {
      return { sub, partition, name: `${sub.index}_${partition}` }
    }),
  )
}

/** @throws {EdgelogError} `invalid_topology`. */
function checkUpgrade(
  stored: TopologyPlan,
  after: { readonly topology: TopologyDescription; readonly subs: Record<string, number> },
): void {
  const upgrade = compareTopologies(stored, after)
  if (upgrade.kind !== 'incompatible') return
  const why = `the stored state does not fit the topology: ${upgrade.reasons.join('; ')}`
  throw new EdgelogError('invalid_topology', `${why}; begin anew without it`)
}

/**
 * Compares the topics with those of the plan.
 *
 * @throws {EdgelogError} `invalid_request` for a topic that was created again, and for one that grew.
 */
export function checkTopics(
  { sources, sinks, internal, tasks: before }: TopologyPlan,
  found: readonly PlannedTopic[],
  tasks: readonly number[] = before,
): void {
  const known = [...sources, ...sinks, ...Object.values(internal)]
  for (const { name, id } of found) {
    const former = known.find((topic) => topic.name === name)
    if (former === undefined || former.id === id) continue
    const why = 'it was deleted and created again; begin anew without the stored state'
    throw new EdgelogError('invalid_request', `topic ${name}: ${why}`)
  }
  for (const [sub, count] of tasks.entries()) {
    const former = before[sub]
    if (former === undefined || former === count) continue
    const why = `its topics have ${count} partitions, and had ${former} when it began`
    throw new EdgelogError('invalid_request', `sub-topology ${sub}: ${why}; begin anew`)
  }
}
