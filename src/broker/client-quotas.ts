/** Client quotas: stored and listed, but not enforced yet. */
import type { Result } from '../core/errors.ts'
import type { ClientQuota, QuotaAlteration } from '../core/quota/client-quota.ts'
import type { QuotaFilter } from '../core/quota/quota-filter.ts'
import type { Cluster } from './cluster.ts'

export async function listClientQuotas(
  cluster: Cluster,
  filter: QuotaFilter,
): Promise<readonly ClientQuota[]> {
  return await cluster.objects.coordinate((coordinator) => coordinator.listClientQuotas(filter))
}

/**
 * Changes or rejects each entity separately.
 *
 * @returns the results in the order of `alterations`: `policy_violation` if there are too many entities.
 * @throws {EdgelogError} `unavailable`.
 */
export async function alterClientQuotas(
  cluster: Cluster,
  alterations: readonly QuotaAlteration[],
  validateOnly: boolean,
): Promise<ReadonlyArray<Result<null>>> {
  if (alterations.length === 0) return []
  return await cluster.objects.coordinate((coordinator) =>
    coordinator.alterClientQuotas(alterations, validateOnly),
  )
}
