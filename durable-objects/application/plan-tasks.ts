/** Plans the tasks of an application: which topics exist, and the assignment of each task. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { Cut, Generation, Placement } from '../../src/core/streams/application-state.ts'
import { topologyFingerprint } from '../../src/core/streams/describe-topology.ts'
import { repartitionTopic } from '../../src/core/streams/internal-topics.ts'
import {
  countPartitions,
  type PartitionCounts,
  type SubTopology,
  splitTopology,
} from '../../src/core/streams/split.ts'
import type {
  AssignedInput,
  AssignedOutput,
  TaskAssignment,
} from '../../src/core/streams/task-api.ts'
import {
  sinkTopics,
  sourceTopics,
  type TopologyTopics,
  topicsRead,
  topicsWritten,
} from '../../src/core/streams/task-topics.ts'
import type { Topology } from '../../src/core/streams/topology.ts'
import type { Topic } from '../../src/core/topic/topic.ts'
import { type ApplicationTopics, batchBytesMaxOf } from './application-topics.ts'

export interface TaskPlan {
  readonly placed: Placement
  readonly assignments: readonly TaskAssignment[]
}

/**
 * Finds and creates the topics, and returns the assignments.
 *
 * Nothing is created unless all source topics exist and are co-partitioned.
 *
 * @param muted Names of the topics to which nothing is written.
 * @throws {EdgelogError} `invalid_request` with the name of the node that is wrong.
 */
export async function planTasks(
  topology: Topology,
  state: Generation,
  topics: ApplicationTopics,
  muted: ReadonlySet<string> = NONE_MUTED,
): Promise<TaskPlan> {
  const { sources, counts } = await checkSources(topology, state, topics)
  const subs = splitTopology(topology)
  const internal = new Map<string, Topic>()
  for (const [node, partitions] of counts.internal) {
    const name = internalName(topology, state, node)
    internal.set(node, await topics.ensure(name, partitions, { 'retention.ms': '-1' }))
  }
  const sinks = new Map<string, Topic>()
  for (const [name, partitions] of sinkTopics(topology, subs, counts.tasks)) {
    sinks.set(name, await topics.ensure(name, partitions))
  }
  const starts = await startOffsets(state, sources, topics)
  const placed = {
    generation: state.generation,
    tasks: counts.tasks,
    internalTopics: [...internal.values()].map(({ name }) => name),
    sourceIds: Object.fromEntries([...sources.values()].map(({ name, id }) => [name, id])),
    starts: Object.fromEntries(starts),
  }
  const assignments = subs.flatMap((sub) =>
    Array.from({ length: counts.tasks[sub.index] as number }, (_, partition): TaskAssignment => {
      const parts = { sources, internal, sinks, starts, muted, cut: state.cut }
      return {
        application: topology.name,
        ...{ generation: state.generation, version: state.version, isPaused: state.isPaused },
        fingerprint: topologyFingerprint(state.topology),
        ...{ sub: sub.index, partition },
        inputs: inputsOf(sub, partition, parts),
        outputs: outputsOf(topology, sub, parts),
        ...(state.program === undefined ? {} : { program: state.program }),
        ...(state.cut === undefined ? {} : { isClockStopped: true }),
      }
    }),
  )
  return { placed, assignments }
}

/** Returns why the source topics no longer fit the tasks; undefined if they do. */
export async function sourceMisfit(
  topology: Topology,
  state: Generation,
  topics: ApplicationTopics,
): Promise<string | undefined> {
  try {
    await checkSources(topology, state, topics)
    return undefined
  } catch (error) {
    if (error instanceof EdgelogError && error.code === 'invalid_request') return error.message
    throw error
  }
}

async function checkSources(
  topology: Topology,
  state: Generation,
  topics: ApplicationTopics,
): Promise<{ readonly sources: Map<string, Topic>; readonly counts: PartitionCounts }> {
  const sources = new Map<string, Topic>()
  for (const name of sourceTopics(topology)) {
    const topic = await topics.find(name)
    if (topic !== undefined) sources.set(name, topic)
  }
  const counts = countPartitions(topology, (name) => sources.get(name)?.partitions)
  checkGrowth(state, counts.tasks)
  checkIdentity(state, sources)
  return { sources, counts }
}

interface Parts extends TopologyTopics<Topic> {
  readonly starts: ReadonlyMap<string, number>
  readonly muted: ReadonlySet<string>
  readonly cut: Cut | undefined
}

const NONE_MUTED: ReadonlySet<string> = new Set()

/** Later generations have internal topics of their own: records of the old ones must not be read. */
function internalName(topology: Topology, { generation }: Generation, node: string): string {
  const name = repartitionTopic(topology.name, node)
  return generation === 1 ? name : `${name}-${generation}`
}

/** With more partitions, keys would move to tasks that do not have their state. */
function checkGrowth({ placed }: Generation, tasks: readonly number[]): void {
  if (placed === undefined) return
  for (const [sub, count] of tasks.entries()) {
    const before = placed.tasks[sub]
    if (before === undefined || before === count) continue
    const why = `its topics have ${count} partitions, and had ${before} when it began`
    throw new EdgelogError('invalid_request', `sub-topology ${sub}: ${why}; reset the application`)
  }
}

/** A topic that was created again has other records at the positions of the tasks. */
function checkIdentity({ placed }: Generation, sources: ReadonlyMap<string, Topic>): void {
  for (const [name, id] of Object.entries(placed?.sourceIds ?? {})) {
    const topic = sources.get(name)
    if (topic === undefined || topic.id === id) continue
    const why = 'it was deleted and created again; reset the application'
    throw new EdgelogError('invalid_request', `topic ${name}: ${why}`)
  }
}

async function startOffsets(
  { from, starts: known }: Generation,
  sources: ReadonlyMap<string, Topic>,
  topics: ApplicationTopics,
): Promise<Map<string, number>> {
  const starts = new Map(Object.entries(known))
  if (from === 'earliest') return starts
  for (const topic of sources.values()) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const name = `${topic.name}/${partition}`
      if (!starts.has(name)) starts.set(name, await topics.endOf(topic, partition))
    }
  }
  return starts
}

function inputsOf(
  sub: SubTopology,
  partition: number,
  { starts, cut, ...topics }: Parts,
): AssignedInput[] {
  return topicsRead(sub, partition, topics).map(({ node, topic, isInternal }) => {
    const name = `${topic.name}/${partition}`
    const startOffset = starts.get(name) ?? 0
    return {
      ...{ node, topic: topic.name, topicId: topic.id, topicVersion: topic.version, partition },
      ...{ startOffset, isInternal },
      // A partition that is newer than the cut waits for its end.
      ...(cut === undefined || isInternal ? {} : { cutOffset: cut[name] ?? startOffset }),
    }
  })
}

function outputsOf(topology: Topology, sub: SubTopology, topics: Parts): AssignedOutput[] {
  return topicsWritten(topology, sub, topics).map(({ node, topic }) => ({
    ...{ node, topic: topic.name, topicId: topic.id, partitions: topic.partitions },
    batchBytesMax: batchBytesMaxOf(topic),
    ...(topics.muted.has(topic.name) ? { isMuted: true } : {}),
  }))
}
