/** Operations on the transactions of other producers, for operators. Each is authorized as Kafka's broker does. */
import { CLUSTER, topicResource, transactionalIdResource } from '../core/access/resource.ts'
import { EdgelogError } from '../core/errors.ts'
import { LISTED_TRANSACTIONS_MAX, TRANSACTIONAL_IDS_MAX } from '../core/limits.ts'
import type { ProducerDescription } from '../core/log/partition-api.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { EndTransactionRequest } from '../core/transaction/participant-api.ts'
import {
  type EndedTransaction,
  type TransactionDescription,
  transactionObjectName,
} from '../core/transaction/transaction-api.ts'
import type { Access } from './access.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'
import { checkTransactionalId } from './transactions.ts'

/** Methods throw the errors of the authorizer, `unavailable`, and `not_found` in a Worker without transactions. */
export class TransactionAdmin {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /**
   * Aborts an open transaction and fences its producer. Needs `write` on the transactional id.
   *
   * @throws {EdgelogError} `transactional_id_not_found`, `invalid_txn_state`.
   */
  async forceAbort(transactionalId: string): Promise<EndedTransaction> {
    await this.#access.check('write', transactionalIdResource(transactionalId))
    checkTransactionalId(transactionalId)
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

  async #describe(transactionalId: string): Promise<TransactionDescription> {
    return await this.#cluster.objects.callTransaction(
      transactionObjectName(transactionalId),
      (coordinator) => coordinator.describe(),
    )
  }
}
