/**
 * The broker of one request: all operations on the log that a door may call, on behalf of one principal. Each operation
 * first calls the authorizer, as Kafka's broker does for the same request.
 */
import { type Authorizer, allowAll } from '../core/access/authorizer.ts'
import type { Principal } from '../core/access/principal.ts'
import { Access } from './access.ts'
import { ApplicationOperations } from './application-operations.ts'
import { type Caches, type Cluster, connectCluster } from './cluster.ts'
import { GroupOperations } from './group-operations.ts'
import { MemberOperations } from './member-operations.ts'
import type { CallMeter, ObjectBindings } from './objects.ts'
import { OffsetOperations } from './offset-operations.ts'
import { QuotaOperations } from './quota-operations.ts'
import { RecordOperations } from './record-operations.ts'
import { TopicOperations } from './topic-operations.ts'
import { TransactionAdmin } from './transaction-admin.ts'
import { TransactionOperations } from './transaction-operations.ts'

export interface BrokerOptions {
  readonly objects: ObjectBindings
  /** The caches of the app, which outlive the request. */
  readonly caches: Caches
  readonly principal: Principal
  readonly authorizer?: Authorizer
  /** Set if several brokers serve one request of the platform: counts the calls of all of them. */
  readonly meter?: CallMeter | undefined
  /** True for a connection that makes many calls: it may read ahead for the next one. */
  readonly isSession?: boolean
}

export class Broker {
  /** For operations of a door that do not need the log, such as describing the cluster. */
  readonly access: Access
  readonly records: RecordOperations
  readonly topics: TopicOperations
  readonly groups: GroupOperations
  readonly members: MemberOperations
  readonly offsets: OffsetOperations
  readonly quotas: QuotaOperations
  readonly transactions: TransactionOperations
  readonly transactionAdmin: TransactionAdmin
  readonly applications: ApplicationOperations
  readonly #cluster: Cluster
  /** To be shared with the other brokers of the same request of the platform. */
  readonly meter: CallMeter

  constructor(options: BrokerOptions) {
    const { objects, caches, principal, authorizer = allowAll } = options
    const cluster: Cluster = connectCluster(objects, caches, options)
    const access = new Access(principal, authorizer)
    this.meter = cluster.objects.meter
    this.access = access
    this.#cluster = cluster
    this.records = new RecordOperations(cluster, access)
    this.topics = new TopicOperations(cluster, access)
    this.groups = new GroupOperations(cluster, access)
    this.members = new MemberOperations(cluster, access)
    this.offsets = new OffsetOperations(cluster, access)
    this.quotas = new QuotaOperations(cluster, access)
    this.transactions = new TransactionOperations(cluster, access)
    this.transactionAdmin = new TransactionAdmin(cluster, access)
    this.applications = new ApplicationOperations(cluster, access)
  }

  /** Makes the operations of one door alone: a Worker without the door has no bytes of them. */
  with<Operations>(Type: new (cluster: Cluster, access: Access) => Operations): Operations {
    return new Type(this.#cluster, this.access)
  }

  /** True if a long request should be replaced: after this many calls to objects, or after one that failed. */
  isWornOut(callsMax: number): boolean {
    return this.meter.callsCount >= callsMax || this.meter.hasFailedCall
  }

  /** True if calls may fail because the platform allows no more of them: a call failed, and there were this many. */
  isOutOfCalls(callsMax: number): boolean {
    return this.meter.callsCount >= callsMax && this.meter.hasFailedCall
  }
}
