/** Calls Durable Objects, and converts failed calls to errors for the client. */
import { EdgelogError, type Result, unwrap } from '../core/errors.ts'
import type { GroupApi } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { PartitionApi } from '../core/log/partition-api.ts'
import type { CatalogApi } from '../core/sql/catalog/catalog-api.ts'
import { CATALOG_OBJECT_NAME } from '../core/sql/catalog/catalog-api.ts'
import type { ApplicationApi } from '../core/streams/application-api.ts'
import type { TaskApi } from '../core/streams/task-api.ts'
import {
  COORDINATOR_OBJECT_NAME,
  type CoordinatorApi,
  type LocationHint,
  partitionObjectName,
} from '../core/topic/topic.ts'
import type { TransactionApi } from '../core/transaction/transaction-api.ts'
import { report } from '../events/report.ts'

export interface ObjectBindings extends ApplicationBindings {
  readonly PARTITION: DurableObjectNamespace<Rpc.DurableObjectBranded & PartitionApi>
  readonly COORDINATOR: DurableObjectNamespace<Rpc.DurableObjectBranded & CoordinatorApi>
  readonly GROUP: DurableObjectNamespace<Rpc.DurableObjectBranded & GroupApi>
  /** Without it the Worker has no topics with remote storage. */
  readonly REMOTE_LOG?: R2Bucket
  /** Without it the Worker has no transactions. */
  readonly TRANSACTION?: DurableObjectNamespace<Rpc.DurableObjectBranded & TransactionApi>
}

export interface ApplicationBindings {
  /** Without them the Worker has no stream processing. */
  readonly APPLICATION?: DurableObjectNamespace<Rpc.DurableObjectBranded & ApplicationApi>
  readonly TASK?: DurableObjectNamespace<Rpc.DurableObjectBranded & TaskApi>
  /** Without it the Worker has no SQL. */
  readonly CATALOG?: DurableObjectNamespace<Rpc.DurableObjectBranded & CatalogApi>
}

export type ApplicationStub = DurableObjectStub<Rpc.DurableObjectBranded & ApplicationApi>
export type CatalogStub = DurableObjectStub<Rpc.DurableObjectBranded & CatalogApi>
export type TaskStub = DurableObjectStub<Rpc.DurableObjectBranded & TaskApi>
export type PartitionStub = DurableObjectStub<Rpc.DurableObjectBranded & PartitionApi>
export type CoordinatorStub = DurableObjectStub<Rpc.DurableObjectBranded & CoordinatorApi>
export type GroupStub = DurableObjectStub<Rpc.DurableObjectBranded & GroupApi>
export type TransactionStub = DurableObjectStub<Rpc.DurableObjectBranded & TransactionApi>

/** Counts the calls of one request, also those of several brokers: the platform limits them for each request. */
export interface CallMeter {
  callsCount: number
  /** True if a call could not be made or lost its response. */
  hasFailedCall: boolean
}

export function newCallMeter(): CallMeter {
  return { callsCount: 0, hasFailedCall: false }
}

export class Objects {
  readonly #bindings: ObjectBindings
  readonly meter: CallMeter

  constructor(bindings: ObjectBindings, meter = newCallMeter()) {
    this.#bindings = bindings
    this.meter = meter
  }

  /**
   * Calls the coordinator.
   *
   * @throws {EdgelogError} `unavailable`, `throttled`, and errors of the coordinator.
   */
  async coordinate<T>(call: (coordinator: CoordinatorStub) => Promise<Result<T>>): Promise<T> {
    return unwrap(
      await this.#reach(() => call(this.#bindings.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME))),
    )
  }

  /**
   * Calls a group.
   *
   * @throws {EdgelogError} `unavailable`, `throttled`, and errors of the group.
   */
  async callGroup<T>(groupId: GroupId, call: (group: GroupStub) => Promise<Result<T>>): Promise<T> {
    return unwrap(await this.#reach(() => call(this.#bindings.GROUP.getByName(groupId))))
  }

  /** The bucket with the old records of tiered topics, if the Worker has one. */
  get remoteLog(): R2Bucket | undefined {
    return this.#bindings.REMOTE_LOG
  }

  /** True if the Worker has the binding for transactions. */
  get hasTransactions(): boolean {
    return this.#bindings.TRANSACTION !== undefined
  }

  /**
   * Calls a coordinator of transactions.
   *
   * @param name of its object, e.g. from `transactionObjectName`.
   * @throws {EdgelogError} `not_found` without the binding; `unavailable`, `throttled`, and errors of the coordinator.
   */
  async callTransaction<T>(
    name: string,
    call: (transaction: TransactionStub) => Promise<Result<T>>,
  ): Promise<T> {
    const { TRANSACTION } = this.#bindings
    if (TRANSACTION === undefined) {
      const why = 'transactions: the Worker needs the binding TRANSACTION; see docs/WORKER.md'
      throw new EdgelogError('not_found', why)
    }
    return unwrap(await this.#reach(() => call(TRANSACTION.getByName(name))))
  }

  /**
   * Calls an application of stream processing.
   *
   * @throws {EdgelogError} `not_found` without the binding; `unavailable`, `throttled`, and errors of the application.
   */
  async callApplication<T>(
    name: string,
    call: (application: ApplicationStub) => Promise<Result<T>>,
  ): Promise<T> {
    const { APPLICATION } = this.#bindings
    if (APPLICATION === undefined) throw missingBinding('APPLICATION')
    return unwrap(await this.#reach(() => call(APPLICATION.getByName(name))))
  }

  /** Calls a task of stream processing. Errors as for `callApplication`. */
  async callTask<T>(name: string, call: (task: TaskStub) => Promise<Result<T>>): Promise<T> {
    const { TASK } = this.#bindings
    if (TASK === undefined) throw missingBinding('TASK')
    return unwrap(await this.#reach(() => call(TASK.getByName(name))))
  }

  /** Calls the catalog of SQL. Errors as for `callApplication`. */
  async callCatalog<T>(call: (catalog: CatalogStub) => Promise<Result<T>>): Promise<T> {
    const { CATALOG } = this.#bindings
    if (CATALOG === undefined) throw missingBinding('CATALOG')
    return unwrap(await this.#reach(() => call(CATALOG.getByName(CATALOG_OBJECT_NAME))))
  }

  /** Computes the id of a partition's object by hashing; callers cache it. */
  partitionId(topicId: string, partition: number): DurableObjectId {
    return this.#bindings.PARTITION.idFromName(partitionObjectName(topicId, partition))
  }

  /**
   * Returns the result of the partition, also if it is an error.
   *
   * @param locationHint places the object if this is the first call to it.
   * @throws {EdgelogError} `unavailable`, `throttled`.
   */
  callPartition<T>(
    id: DurableObjectId,
    call: (partition: PartitionStub) => Promise<Result<T>>,
    locationHint?: LocationHint,
  ): Promise<Result<T>> {
    const options = locationHint === undefined ? undefined : { locationHint }
    return this.#reach(() => call(this.#bindings.PARTITION.get(id, options)))
  }

  /** Runs a call. If the request or the response is lost, the effect of the call is unknown. */
  async #reach<T>(call: () => Promise<T>): Promise<T> {
    this.meter.callsCount++
    try {
      return await call()
    } catch (cause) {
      if (cause instanceof EdgelogError) throw cause
      this.meter.hasFailedCall = true
      report({ type: 'call_failed', error: cause })
      if (isOverloaded(cause)) {
        throw new EdgelogError('throttled', 'the log is overloaded; try again later', { cause })
      }
      throw new EdgelogError('unavailable', 'the log did not respond; try again', { cause })
    }
  }
}

function missingBinding(name: string): EdgelogError {
  const why = `${name === 'CATALOG' ? 'sql' : 'streams'}: the Worker needs the binding ${name}; see docs/WORKER.md`
  return new EdgelogError('not_found', why)
}

function isOverloaded(error: unknown): boolean {
  return error instanceof Error && 'overloaded' in error && error.overloaded === true
}
