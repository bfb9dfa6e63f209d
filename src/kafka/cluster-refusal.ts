/** Operations on the cluster that touch no log: Kafka's tools may do them only if the authorizer allows. */
import type { Broker } from '../broker/broker.ts'
import { CLUSTER, type Operation } from '../core/access/resource.ts'
import { type ErrorFields, errorOf, numberOf } from './error-number.ts'

/** Returns the error of an operation on the cluster that the caller may not do, or undefined. */
export async function clusterRefusal(
  { access }: Broker,
  operation: Operation,
): Promise<ErrorFields | undefined> {
  const refusal = await access.refusal(operation, CLUSTER)
  return refusal && errorOf(numberOf(refusal.code), refusal.message)
}
