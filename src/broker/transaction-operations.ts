/** Operations on transactions. Each is authorized as Kafka's broker authorizes the same request. */
import {
  CLUSTER,
  groupResource,
  topicResource,
  transactionalIdResource,
} from '../core/access/resource.ts'
import { readBatchHeaders } from '../core/batch/record-batch.ts'
import { EdgelogError } from '../core/errors.ts'
import type { CommittingMember } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import {
  LISTED_TRANSACTIONS_MAX,
  TRANSACTION_PARTITIONS_MAX,
  TRANSACTIONAL_IDS_MAX,
} from '../core/limits.ts'
import type { ProducerDescription } from '../core/log/partition-api.ts'
import type { Topic } from '../core/topic/topic.ts'
import { parseTopicName, type TopicName } from '../core/topic/topic-name.ts'
import type {
  EndTransactionRequest,
  ProducerIdAndEpoch,
  TransactionOutcome,
} from '../core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../core/transaction/partition-participant.ts'
import {
  type EndedTransaction,
  type TransactionDescription,
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

  /**
   * Aborts an open transaction and fences its producer. Needs `write` on the transactional id.
   *
   * @throws {EdgelogError} `transactional_id_not_found`, `invalid_txn_state`.
   */
  async forceAbort(transactionalId: string): Promise<EndedTransaction> {
    await this.#checkWrite(transactionalId)
    return await this.#cluster.objects.callTransaction(
      transactionObjectName(transactionalId),
      (coordinator) => coordinator.forceAbort(),
    )
  }

  /**
   * Needs `describe` on the transactional id, and leaves out topics without `describe`.
   *
   * @throws {EdgelogError} `transactional_id_not_found`.
   */
  async describe(transactionalId: string): Promise<TransactionDescription> {
    await this.#access.check('describe', transactionalIdResource(transactionalId))
    checkTransactionalId(transactionalId)
    const description = await this.#describe(transactionalId)
    const partitions = await this.#access.filter(description.partitions, 'describe', ({ topic }) =>
      topicResource(topic),
    )
    return { ...description, partitions }
  }

  /** Returns a page of the transactional ids with `describe`, in order, and the `after` of the next page. */
  async listPage({ after, limit }: { readonly after: string; readonly limit: number }): Promise<{
    readonly transactions: readonly TransactionDescription[]
    readonly next: string | null
  }> {
    const ids = await this.#cluster.objects.coordinate((coordinator) =>
      coordinator.listTransactions(after, limit),
    )
    const next = ids.length < limit ? null : (ids.at(-1) ?? null)
    return { transactions: await this.#describeEach(ids), next }
  }

  /** Returns the transactional ids with `describe`, in order, and of the first ones their state. */
  async list(): Promise<readonly TransactionDescription[]> {
    const ids = await this.#cluster.objects.coordinate((coordinator) =>
      coordinator.listTransactions('', TRANSACTIONAL_IDS_MAX),
    )
    return await this.#describeEach(ids.slice(0, LISTED_TRANSACTIONS_MAX))
  }

  /** Leaves out ids without `describe`, and those that were forgotten in the meantime. */
  async #describeEach(ids: readonly string[]): Promise<TransactionDescription[]> {
    const visible = await this.#access.filter(ids, 'describe', transactionalIdResource)
    const described = await fanOut(visible, async (id) => {
      try {
        return [await this.#describe(id)]
      } catch (error) {
        const isGone = error instanceof EdgelogError && error.code === 'transactional_id_not_found'
        if (isGone) return []
        throw error
      }
    })
    return described.flat()
  }

  /** Needs `read` on the topic. @throws {EdgelogError} `unknown_topic_or_partition`. */
  async describeProducers(
    topic: TopicName,
    partition: number,
    limit: number,
  ): Promise<readonly ProducerDescription[]> {
    return await this.#access.guard('read', topicResource(topic), () =>
      this.#cluster.topics.callPartition<readonly ProducerDescription[]>(
        topic,
        partition,
        (stub) => stub.describeProducers(limit),
        () => [],
      ),
    )
  }

  /**
   * Ends a transaction in one partition without its coordinator, for operators that repair. Needs `alter` or
   * `cluster_action` on the cluster.
   *
   * @throws {EdgelogError} `unknown_topic_or_partition`, `transaction_coordinator_fenced`, `invalid_producer_epoch`.
   */
  async writeMarker(
    topic: TopicName,
    partition: number,
    request: EndTransactionRequest,
  ): Promise<void> {
    const mayAlter = await this.#access.allows('alter', CLUSTER)
    if (!mayAlter) await this.#access.check('cluster_action', CLUSTER)
    await this.#cluster.topics.callPartition(topic, partition, (stub) =>
      stub.endTransaction(request),
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

  async #describe(transactionalId: string): Promise<TransactionDescription> {
    return await this.#cluster.objects.callTransaction(
      transactionObjectName(transactionalId),
      (coordinator) => coordinator.describe(),
    )
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
