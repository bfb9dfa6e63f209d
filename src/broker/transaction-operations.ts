/** Operations on transactions. Each is authorized as Kafka's broker authorizes the same request. */
import { groupResource, topicResource, transactionalIdResource } from '../core/access/resource.ts'
import { readBatchHeaders } from '../core/batch/record-batch.ts'
import { EdgelogError } from '../core/errors.ts'
import type { CommittingMember } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { TRANSACTION_PARTITIONS_MAX } from '../core/limits.ts'
import type { Topic } from '../core/topic/topic.ts'
import { parseTopicName, type TopicName } from '../core/topic/topic-name.ts'
import type { ProducerIdAndEpoch, TransactionOutcome } from '../core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../core/transaction/partition-participant.ts'
import {
  type EndedTransaction,
  transactionObjectName,
} from '../core/transaction/transaction-api.ts'
import type { Access } from './access.ts'
import type { StartedAppend } from './append.ts'
import type { AppendedBatches } from './append-trimmed.ts'
import type { Cluster } from './cluster.ts'
import { commitOffsets, type NamedOffset } from './committed-offsets.ts'
import { fanOut } from './fan-out.ts'
import { type CommittedOneShot, makeOneShot, type OneShot } from './one-shot.ts'
import { unknownPartition } from './topic-errors.ts'
import {
  checkTransactionalId,
  findTransaction,
  startTransactionalAppend,
  type TagOf,
  type TransactionCall,
  underTag,
} from './transactions.ts'

/** A call of a client that adds to a transaction or ends it. */
export interface ClientCall extends TransactionCall {
  /** Numbers the client's connection, see `AddParticipantsRequest`. */
  readonly connection?: number
}

/** A partition as a client names it. */
export interface NamedPartition {
  readonly topic: string
  readonly partition: number
}

/** Methods throw the errors of the authorizer, `unavailable`, and `not_found` in a Worker without transactions. */
export class TransactionOperations {
  readonly #cluster: Cluster
  readonly #access: Access
  /** True if the Worker has transactions. */
  readonly isServed: boolean

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
    this.isServed = cluster.objects.hasTransactions
  }

  /** Needs `write` on the transactional id. */
  async initProducerId(
    transactionalId: string,
    timeoutMs: number,
    producer?: ProducerIdAndEpoch,
  ): Promise<ProducerIdAndEpoch> {
    await this.#checkWrite(transactionalId)
    return await this.#cluster.objects.callTransaction(
      transactionObjectName(transactionalId),
      (coordinator) =>
        coordinator.initProducerId({
          ...{ transactionalId, timeoutMs },
          ...(producer && { producer }),
        }),
    )
  }

  /**
   * Adds partitions to the producer's transaction, all or none. Needs `write` on the transactional id and each topic.
   *
   * @returns by the index of its partition, each error that is the reason for none.
   * @throws {EdgelogError} errors of `addParticipants`.
   */
  async addPartitions(
    call: ClientCall,
    wanted: readonly NamedPartition[],
  ): Promise<ReadonlyMap<number, EdgelogError>> {
    await this.#checkWrite(call.transactionalId)
    // Too many are rejected before any topic is looked up.
    if (wanted.length > TRANSACTION_PARTITIONS_MAX) {
      const why = `partitions: at most ${TRANSACTION_PARTITIONS_MAX} are allowed, got ${wanted.length}`
      throw new EdgelogError('policy_violation', why)
    }
    const refused = new Map<number, EdgelogError>()
    const partitions: PartitionParticipant[] = []
    await fanOut([...wanted.entries()], async ([index, one]) => {
      const found = await this.#participant(one)
      if (found instanceof EdgelogError) refused.set(index, found)
      else partitions.push(found)
    })
    if (refused.size > 0 || partitions.length === 0) return refused
    await this.#add(call, partitions, [])
    return refused
  }

  /**
   * Needs `write` on the transactional id and `read` on the group.
   *
   * @throws {EdgelogError} errors of `addParticipants`.
   */
  async addGroup(call: ClientCall, groupId: GroupId): Promise<void> {
    await this.#checkWrite(call.transactionalId)
    await this.#access.check('read', groupResource(groupId))
    await this.#add(call, [], [groupId])
  }

  async #add(
    { version, connection, ...producer }: ClientCall,
    partitions: readonly PartitionParticipant[],
    groups: readonly GroupId[],
  ): Promise<void> {
    const { number } = await this.#cluster.objects.callTransaction(
      transactionObjectName(producer.transactionalId),
      (coordinator) =>
        coordinator.addParticipants({
          ...{ ...producer, version, partitions, groups },
          ...(connection !== undefined && { connection }),
        }),
    )
    const added = [...partitions, ...groups.map((groupId) => ({ groupId }))]
    this.#cluster.transactions.set(producer, added, number)
  }

  /**
   * Needs `write` on the transactional id. Call it before `startAppend`.
   *
   * @throws {EdgelogError} as `findTransaction`.
   */
  async find(call: TransactionCall, partitions: readonly PartitionParticipant[]): Promise<TagOf> {
    await this.#checkWrite(call.transactionalId)
    return await findTransaction(this.#cluster, call, partitions)
  }

  /** Needs `write` on the topic. Starts an append in a transaction that `find` returned. */
  startAppend(
    call: TransactionCall,
    participant: PartitionParticipant,
    batches: Uint8Array,
    tagOf: TagOf,
  ): Promise<StartedAppend> {
    return this.#access.guard('write', topicResource(participant.topic), () =>
      startTransactionalAppend(this.#cluster, { call, participant, batches }, tagOf(participant)),
    )
  }

  /**
   * Makes a transaction in one call. Needs `write` on each topic of its records, `read` on each group and each topic of
   * its offsets.
   *
   * @throws {EdgelogError} as `makeOneShot`.
   */
  async makeOneShot(oneShot: OneShot): Promise<CommittedOneShot> {
    for (const topic of new Set(oneShot.records.map((one) => one.topic))) {
      await this.#access.check('write', topicResource(topic))
    }
    for (const { groupId, offsets } of oneShot.offsets) {
      await this.#access.check('read', groupResource(groupId))
      for (const topic of new Set(offsets.map((one) => one.topic))) {
        await this.#access.check('read', topicResource(topic))
      }
    }
    return await makeOneShot(this.#cluster, oneShot)
  }

  /**
   * Appends batches in the transaction of their producer. Needs `write` on the transactional id and the topic.
   *
   * @throws {EdgelogError} `invalid_record` for batches of several producers; as `findTransaction` and `startAppend`.
   */
  async appendBatches(
    transactionalId: string,
    topic: TopicName,
    partition: number,
    batches: Uint8Array,
  ): Promise<AppendedBatches> {
    const { producerId, producerEpoch } = onlyProducerOf(batches)
    const call = { transactionalId, producerId, producerEpoch, version: 2 } as const
    const participant = await this.#participant({ topic, partition })
    if (participant instanceof EdgelogError) throw participant
    const tagOf = await this.find(call, [participant])
    const { appended } = await this.startAppend(call, participant, batches, tagOf)
    return await appended
  }

  /**
   * Commits offsets when the transaction is committed. Needs `write` on the transactional id, `read` on the group and
   * each topic.
   *
   * @throws {EdgelogError} as `commitOffsets` and `findTransaction`.
   */
  async commitOffsets(
    call: TransactionCall,
    groupId: GroupId,
    member: CommittingMember | null,
    offsets: readonly NamedOffset[],
  ): Promise<void> {
    await this.#checkWrite(call.transactionalId)
    await this.#access.check('read', groupResource(groupId))
    for (const { topic } of offsets) await this.#access.check('read', topicResource(topic))
    await underTag(this.#cluster, call, { groupId }, (tag) =>
      commitOffsets(this.#cluster, groupId, member, offsets, { ...tag, ...producerOf(call) }),
    )
  }

  /**
   * Needs `write` on the transactional id.
   *
   * @throws {EdgelogError} errors of `end`.
   */
  async end(call: ClientCall, outcome: TransactionOutcome): Promise<EndedTransaction> {
    await this.#checkWrite(call.transactionalId)
    return await this.#cluster.objects.callTransaction(
      transactionObjectName(call.transactionalId),
      (coordinator) => coordinator.end({ ...call, outcome }),
    )
  }

  /** Returns the partition with the id of its topic; or why the producer may not write to it. */
  async #participant({
    topic: name,
    partition,
  }: NamedPartition): Promise<PartitionParticipant | EdgelogError> {
    const refusal = await this.#access.refusal('write', topicResource(name))
    if (refusal !== undefined) return refusal
    try {
      const topicName = parseTopicName(name)
      const known = await this.#cluster.topics.get(topicName)
      // The topic may have gained partitions.
      const isKnown = partition < known.partitions
      const topic = isKnown ? known : await this.#cluster.topics.lookUp(topicName)
      return participantOf(topic, partition)
    } catch (error) {
      if (error instanceof EdgelogError) return error
      throw error
    }
  }

  async #checkWrite(transactionalId: string): Promise<void> {
    await this.#access.check('write', transactionalIdResource(transactionalId))
    checkTransactionalId(transactionalId)
  }
}

/** @throws {EdgelogError} `unknown_topic_or_partition`. */
function participantOf(topic: Topic, partition: number): PartitionParticipant {
  if (!(partition >= 0 && partition < topic.partitions)) throw unknownPartition(topic, partition)
  return { topicId: topic.id, topic: topic.name, partition }
}

function producerOf({ producerId, producerEpoch }: TransactionCall): ProducerIdAndEpoch {
  return { producerId, producerEpoch }
}

/** @throws {EdgelogError} `invalid_record` if the batches are not all of one producer. */
function onlyProducerOf(batches: Uint8Array): ProducerIdAndEpoch {
  const [first, ...others] = readBatchHeaders(batches)
  const { producerId = -1n, producerEpoch = -1 } = first ?? {}
  const isOne = others.every(
    (one) => one.producerId === producerId && one.producerEpoch === producerEpoch,
  )
  if (isOne && producerId >= 0n) return { producerId, producerEpoch }
  throw new EdgelogError(
    'invalid_record',
    'the batches of a transaction need one producer id and epoch',
  )
}
