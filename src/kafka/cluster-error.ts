/** Authorizes operations on the cluster that access no log. */
import type { Broker } from '../broker/broker.ts'
import { CLUSTER, type Operation } from '../core/access/resource.ts'
import { type ErrorFields, errorOf, numberOf } from './error-number.ts'

/** Returns the error of a denied operation on the cluster, or undefined. */
export async function clusterError(
  { access }: Broker,
  operation: Operation,
): Promise<ErrorFields | undefined> {
  const refusal = await access.refusal(operation, CLUSTER)
  return refusal && errorOf(numberOf(refusal.code), refusal.message)
}
