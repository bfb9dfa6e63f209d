/** Operations on applications of stream processing. As in Kafka Streams, an application has the rights of its group. */
import { CLUSTER, groupResource } from '../core/access/resource.ts'
import type {
  ApplicationDescription,
  ApplicationSummary,
  StartPosition,
  StorePlacement,
} from '../core/streams/application-api.ts'
import type { QueryResult } from '../core/streams/task-api.ts'
import type { Topology } from '../core/streams/topology.ts'
import type { Access } from './access.ts'
import {
  changeApplication,
  deployApplication,
  describeApplication,
  listApplications,
  placementOf,
  type QueryOf,
  queryAll,
  queryKey,
  removeApplication,
  summarizeApplication,
} from './applications.ts'
import type { Cluster } from './cluster.ts'

/** Every method throws an authorization error, in addition to the errors of the function it calls. */
export class ApplicationOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /** Returns the names of the applications that the principal may `describe`. */
  async list(): Promise<readonly string[]> {
    const names = await listApplications(this.#cluster)
    return await this.#access.filter(names, 'describe', groupResource)
  }

  /** Needs `describe` on the group. */
  summarize(name: string): Promise<ApplicationSummary> {
    return this.#access.guard('describe', groupResource(name), () =>
      summarizeApplication(this.#cluster, name),
    )
  }

  /** Needs `describe` on the group. */
  describe(name: string): Promise<ApplicationDescription> {
    return this.#access.guard('describe', groupResource(name), () =>
      describeApplication(this.#cluster, name),
    )
  }

  /** Needs `create` on the cluster. */
  deploy(topology: Topology, from: StartPosition): Promise<ApplicationSummary> {
    return this.#access.guard('create', CLUSTER, () =>
      deployApplication(this.#cluster, topology, from),
    )
  }

  /** Needs `alter_configs` on the group. */
  change(
    name: string,
    change: 'pause' | 'resume' | { readonly resetTo: StartPosition },
  ): Promise<ApplicationSummary> {
    return this.#access.guard('alter_configs', groupResource(name), () =>
      changeApplication(this.#cluster, name, change),
    )
  }

  /** Needs `delete` on the group. */
  remove(name: string): Promise<void> {
    return this.#access.guard('delete', groupResource(name), () =>
      removeApplication(this.#cluster, name),
    )
  }

  /** Needs `read` on the group. */
  placement(name: string, store: string): Promise<StorePlacement> {
    return this.#access.guard('read', groupResource(name), () =>
      placementOf(this.#cluster, name, store),
    )
  }

  /** Needs `read` on the group. */
  queryKey(
    name: string,
    store: string,
    query: QueryOf<'get'> | (QueryOf<'windows'> & { readonly key: Uint8Array }),
  ): Promise<QueryResult> {
    return this.#access.guard('read', groupResource(name), () =>
      queryKey(this.#cluster, name, store, query),
    )
  }

  /** Needs `read` on the group. */
  queryAll(
    name: string,
    store: string,
    query: QueryOf<'range'> | QueryOf<'windows'>,
  ): Promise<QueryResult> {
    return this.#access.guard('read', groupResource(name), () =>
      queryAll(this.#cluster, name, store, query),
    )
  }
}
