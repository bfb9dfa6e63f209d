/** Operations on client quotas. */
import { CLUSTER } from '../core/access/resource.ts'
import type { Result } from '../core/errors.ts'
import type { ClientQuota, QuotaAlteration } from '../core/quota/client-quota.ts'
import type { QuotaFilter } from '../core/quota/quota-filter.ts'
import type { Access } from './access.ts'
import { alterClientQuotas, listClientQuotas } from './client-quotas.ts'
import type { Cluster } from './cluster.ts'

/** Every method throws `cluster_authorization_failed`, in addition to the errors of the function it calls. */
export class QuotaOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /** Needs `describe_configs` on the cluster. */
  list(filter: QuotaFilter): Promise<readonly ClientQuota[]> {
    return this.#access.guard('describe_configs', CLUSTER, () =>
      listClientQuotas(this.#cluster, filter),
    )
  }

  /** Needs `alter_configs` on the cluster. */
  alter(
    alterations: readonly QuotaAlteration[],
    validateOnly: boolean,
  ): Promise<ReadonlyArray<Result<null>>> {
    return this.#access.guard('alter_configs', CLUSTER, () =>
      alterClientQuotas(this.#cluster, alterations, validateOnly),
    )
  }
}
