/** The resources that have configs. */
import { EdgelogError } from '../core/errors.ts'
import { type GroupId, parseGroupId } from '../core/group/group-id.ts'
import { NODE_ID } from './broker-node.ts'

export const RESOURCE = { topic: 2, broker: 4, brokerLogger: 8, group: 32 } as const

export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** Returns a key that identifies a resource. */
export function resourceKey({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType} ${resourceName}`
}

/** @throws {EdgelogError} `invalid_request` if the resource is neither the one node nor empty (all nodes). */
export function checkBroker(resource: ConfigResource): void {
  if (resource.resourceName !== '') checkNode(resource)
}

/** @throws {EdgelogError} `invalid_request` if the resource is not the one node. */
export function checkNode({ resourceName }: ConfigResource): void {
  if (resourceName === String(NODE_ID)) return
  throw new EdgelogError(
    'invalid_request',
    `resourceName: only the broker ${NODE_ID} exists, got ${resourceName}`,
  )
}

export function unknownResource({ resourceType }: ConfigResource): EdgelogError {
  return new EdgelogError(
    'invalid_request',
    `resourceType: ${RESOURCE.topic} (topic), ${RESOURCE.broker} (broker) or ${RESOURCE.group} (group) is allowed, got ${resourceType}`,
  )
}

/** @throws {EdgelogError} `invalid_request` for an empty name, `invalid_group_id`. */
export function groupOf({ resourceName }: ConfigResource): GroupId {
  if (resourceName !== '') return parseGroupId(resourceName, 'resourceName')
  throw new EdgelogError('invalid_request', 'resourceName: the id of a group is needed')
}
