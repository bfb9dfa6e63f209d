/** What configs belong to. */
import { EdgelogError } from '../core/errors.ts'
import { type GroupId, parseGroupId } from '../core/group/group-id.ts'
import { NODE_ID } from './broker-node.ts'

export const RESOURCE = { topic: 2, broker: 4, brokerLogger: 8, group: 32 } as const

export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** Tells one from another. */
export function resourceKey({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType} ${resourceName}`
}

/** @throws {EdgelogError} `invalid_request` where it is neither the node that there is nor all of them. */
export function checkBroker(resource: ConfigResource): void {
  if (resource.resourceName !== '') checkNode(resource)
}

/** @throws {EdgelogError} `invalid_request` where it is not the node that there is. */
export function checkNode({ resourceName }: ConfigResource): void {
  if (resourceName === String(NODE_ID)) return
  throw new EdgelogError(
    'invalid_request',
    `resourceName: the broker is ${NODE_ID}, got ${resourceName}`,
  )
}

export function unknownResource({ resourceType }: ConfigResource): EdgelogError {
  return new EdgelogError(
    'invalid_request',
    `resourceType: topics (${RESOURCE.topic}), brokers (${RESOURCE.broker}) and groups (${RESOURCE.group}) have configs, got ${resourceType}`,
  )
}

/** @throws {EdgelogError} `invalid_request` for no name, `invalid_group_id`. */
export function groupOf({ resourceName }: ConfigResource): GroupId {
  if (resourceName !== '') return parseGroupId(resourceName, 'resourceName')
  throw new EdgelogError('invalid_request', 'resourceName: the id of a group is needed')
}
