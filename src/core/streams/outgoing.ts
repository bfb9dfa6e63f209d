/**
 * The batches that a task sends: records of a turn, by the partition they go to, with the sequences of an idempotent
 * producer. The sequences are stored with the turn, so a batch that is sent again is a duplicate for the log.
 */

import { BatchBuilder } from '../batch/batch-builder.ts'
import type { BatchCheck } from '../batch/batch-check.ts'
import { concatenate } from '../bytes/concatenate.ts'
import { EdgelogError } from '../errors.ts'
import { partitionForKey } from '../topic/partitioner.ts'
import { OUTGOING_BATCHES_MAX, PRODUCER_SILENCE_MS_MAX } from './limits.ts'
import type { OutputRecord } from './operator.ts'
import type { OutgoingBatches, OutgoingProducer } from './turn-row.ts'

/** A topic that a task writes to. */
export interface OutputTopic {
  readonly topic: string
  readonly partitions: number
  /** The topic's `max.message.bytes`. */
  readonly batchBytesMax: number
  /** True: nothing is written to it. */
  readonly isMuted?: boolean
}

/** A record that leaves the task by a sink or a repartition. */
export interface TurnOutput extends OutputRecord {
  readonly node: string
}

/** The input of the batches of a turn, besides its records. */
export interface OutgoingContext {
  /** By the name of the sink or repartition. */
  readonly topics: ReadonlyMap<string, OutputTopic>
  readonly producerId: bigint
  readonly producers: Readonly<Record<string, OutgoingProducer>>
  /** Output partitions with batches that are not acknowledged. */
  readonly pending: ReadonlySet<string>
  readonly nowMs: number
  /** The partition of the task: records without a key go to the same one. */
  readonly partition: number
}

export interface Outgoing {
  readonly batches: readonly OutgoingBatches[]
  readonly producers: Readonly<Record<string, OutgoingProducer>>
}

const FIRST: OutgoingProducer = { epoch: 0, nextSequence: 0, lastAckMs: 0 }
/** After the largest sequence Kafka's producers go on with 0. */
const SEQUENCE_MODULUS = 2 ** 31

/** Returns the name of a partition of a topic, by which a task keeps its producer. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}/${partition}`
}

/**
 * Returns the batches for the records of a turn, and the producers behind them.
 *
 * @throws {EdgelogError} `message_too_large` for a record that fits no batch of its topic, and for more batches to one
 * partition than the log recognizes when they are sent again.
 */
export function encodeOutgoing(outputs: readonly TurnOutput[], request: OutgoingContext): Outgoing {
  const lanes = new Map<string, Lane>()
  const nodes = new Map<string, NodeLanes>()
  for (const output of outputs) {
    let node = nodes.get(output.node)
    if (node === undefined) {
      node = { topic: topicOf(output.node, request), lanes: [] }
      nodes.set(output.node, node)
    }
    const { topic } = node
    if (topic.isMuted === true) continue
    const partition = choosePartition(output, topic.partitions, request.partition)
    let lane = node.lanes[partition]
    if (lane === undefined) {
      lane = laneOf(lanes, topic, partition, request)
      node.lanes[partition] = lane
    }
    lane.append(output)
  }
  const producers = { ...request.producers }
  const batches: OutgoingBatches[] = []
  for (const [name, lane] of lanes) {
    const finished = lane.finish()
    producers[name] = finished.producer
    const { topic, partition } = lane
    batches.push({ topic, partition, batches: finished.batches, checks: finished.checks })
  }
  return { batches, producers }
}

/** The lanes of one node, by their partitions: they are found without a name for each record. */
interface NodeLanes {
  readonly topic: OutputTopic
  readonly lanes: Lane[]
}

function topicOf(node: string, { topics }: OutgoingContext): OutputTopic {
  const topic = topics.get(node)
  if (topic === undefined) throw new Error(`the output ${node} has no topic`)
  return topic
}

/** Returns the lane of a partition, which all nodes that write to its topic share. */
function laneOf(
  lanes: Map<string, Lane>,
  topic: OutputTopic,
  partition: number,
  request: OutgoingContext,
): Lane {
  const name = partitionName(topic.topic, partition)
  const found = lanes.get(name)
  if (found !== undefined) return found
  const lane = new Lane(topic, partition, request.producerId, producerFor(name, request))
  lanes.set(name, lane)
  return lane
}

/** Returns the producer for the next batch. A log that may have forgotten it gets a new epoch, which begins with 0. */
function producerFor(
  name: string,
  { producers, pending, nowMs }: OutgoingContext,
): OutgoingProducer {
  const producer = producers[name] ?? { ...FIRST, lastAckMs: nowMs }
  const isSilent = nowMs - producer.lastAckMs > PRODUCER_SILENCE_MS_MAX && !pending.has(name)
  if (!isSilent) return producer
  return { epoch: producer.epoch + 1, nextSequence: 0, lastAckMs: nowMs }
}

function choosePartition(
  { key, choosePartition: choose }: TurnOutput,
  partitions: number,
  own: number,
): number {
  if (choose === undefined) {
    if (partitions === 1) return 0
    return key === null ? own % partitions : partitionForKey(key, partitions)
  }
  const partition = choose(partitions)
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition
  throw new EdgelogError(
    'invalid_record',
    `partitioner: returned ${partition}; 0 to ${partitions - 1} are allowed`,
  )
}

/** The records of a turn for one partition. */
class Lane {
  readonly topic: string
  readonly partition: number
  readonly #batchBytesMax: number
  readonly #producerId: bigint
  readonly #builder = new BatchBuilder(4096)
  readonly #batches: Uint8Array[] = []
  readonly #checks: BatchCheck[] = []
  #hasNullKey = false
  #minTimestamp = Number.POSITIVE_INFINITY
  #maxTimestamp = Number.NEGATIVE_INFINITY
  #producer: OutgoingProducer

  constructor(
    { topic, batchBytesMax }: OutputTopic,
    partition: number,
    producerId: bigint,
    producer: OutgoingProducer,
  ) {
    this.topic = topic
    this.partition = partition
    this.#batchBytesMax = batchBytesMax
    this.#producerId = producerId
    this.#producer = producer
  }

  append(output: TurnOutput): void {
    const bytes = BatchBuilder.recordSizeBytesMax(output)
    const builder = this.#builder
    if (builder.recordsCount > 0 && builder.sizeBytes + bytes > this.#batchBytesMax) this.#cut()
    builder.append(output)
    const { key, timestamp } = output
    if (key === null) this.#hasNullKey = true
    if (timestamp < this.#minTimestamp) this.#minTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    if (builder.sizeBytes > this.#batchBytesMax) {
      const why = `node ${output.node}: a record of ${builder.sizeBytes} bytes`
      const limit = `${this.topic} has max.message.bytes=${this.#batchBytesMax}`
      throw new EdgelogError('message_too_large', `${why}; ${limit}`)
    }
  }

  finish(): Pick<Required<OutgoingBatches>, 'batches' | 'checks'> & { producer: OutgoingProducer } {
    this.#cut()
    const [first, ...more] = this.#batches as [Uint8Array, ...Uint8Array[]]
    const batches = more.length === 0 ? first : concatenate(this.#batches)
    return { batches, checks: this.#checks, producer: this.#producer }
  }

  #cut(): void {
    const { recordsCount } = this.#builder
    const { epoch: producerEpoch, nextSequence: baseSequence } = this.#producer
    const producer = { producerId: this.#producerId, producerEpoch, baseSequence }
    this.#batches.push(this.#builder.finish(producer))
    this.#checks.push({
      hasNullKey: this.#hasNullKey,
      minTimestamp: this.#minTimestamp,
      maxTimestamp: this.#maxTimestamp,
    })
    this.#hasNullKey = false
    this.#minTimestamp = Number.POSITIVE_INFINITY
    this.#maxTimestamp = Number.NEGATIVE_INFINITY
    if (this.#batches.length > OUTGOING_BATCHES_MAX) {
      const why = `${this.topic}: one turn may have ${OUTGOING_BATCHES_MAX} batches for a partition`
      throw new EdgelogError('message_too_large', why)
    }
    const nextSequence = (baseSequence + recordsCount) % SEQUENCE_MODULUS
    this.#producer = { ...this.#producer, nextSequence }
  }
}
