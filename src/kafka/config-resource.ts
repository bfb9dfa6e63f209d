/** What configs belong to. */
import { EdgelogError } from '../core/errors.ts'
import { NODE_ID } from './broker-node.ts'

export const RESOURCE = { topic: 2, broker: 4 } as const

export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** Tells one from another. */
export function resourceKey({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType} ${resourceName}`
}

/** @throws {EdgelogError} `invalid_request` where it is not the node that there is. */
export function checkBroker({ resourceName }: ConfigResource): void {
  if (resourceName === '' || resourceName === String(NODE_ID)) return
  throw new EdgelogError(
    'invalid_request',
    `resourceName: the broker is ${NODE_ID}, got ${resourceName}`,
  )
}

export function unknownResource({ resourceType }: ConfigResource): EdgelogError {
  return new EdgelogError(
    'invalid_request',
    `resourceType: topics (${RESOURCE.topic}) and brokers (${RESOURCE.broker}) have configs, got ${resourceType}`,
  )
}
