/** Decides whether a principal may do an operation on a resource. */
import { EdgelogError, type ErrorCode } from '../errors.ts'
import { formatPrincipal, type Principal } from './principal.ts'
import type { Operation, Resource, ResourceType } from './resource.ts'

/**
 * Returns true to allow the operation. No operation implies another one: Kafka's own authorizer also allows
 * `describe` to a principal that may `read`, and an authorizer that needs this must implement it.
 */
export type Authorizer = (
  principal: Principal,
  operation: Operation,
  resource: Resource,
) => boolean | Promise<boolean>

/** The default: one principal, which may do everything. */
export const allowAll: Authorizer = () => true

export const denyAll: Authorizer = () => false

const CODES: Readonly<Record<ResourceType, ErrorCode>> = {
  topic: 'topic_authorization_failed',
  group: 'group_authorization_failed',
  cluster: 'cluster_authorization_failed',
  transactional_id: 'transactional_id_authorization_failed',
}

/** Returns the error for an operation that the authorizer does not allow. */
export function authorizationError(
  principal: Principal,
  operation: Operation,
  { type, name }: Resource,
): EdgelogError {
  const who = formatPrincipal(principal)
  const what = type === 'cluster' ? 'the cluster' : `${type} ${name}`
  return new EdgelogError(CODES[type], `${who} is not allowed to ${operation} ${what}`, {
    details: { operation, resource: { type, name } },
  })
}
