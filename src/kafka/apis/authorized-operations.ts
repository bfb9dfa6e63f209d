/**
 * The operations that a caller may do on a resource, as the bit field that several
 * responses carry: bit n stands for Kafka's AclOperation n.
 */
import type { Broker } from '../../broker/broker.ts'
import type { Operation, Resource } from '../../core/access/resource.ts'

/** Kafka's default of the field: the operations were not requested, or the resource does not exist. */
export const NO_OPERATIONS = -0x8000_0000

/** Kafka's AclOperation. */
const NUMBERS: Readonly<Record<Operation, number>> = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  cluster_action: 9,
  describe_configs: 10,
  alter_configs: 11,
  idempotent_write: 12,
}

export async function authorizedOperations(
  { access }: Broker,
  resource: Resource,
): Promise<number> {
  const operations = await access.operationsOn(resource)
  return operations.reduce((field, operation) => field | (1 << NUMBERS[operation]), 0)
}
