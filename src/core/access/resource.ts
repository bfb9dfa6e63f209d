/** Kafka's resources, and the operations that each supports (AclEntry.supportedOperations). */

/** Kafka's AclOperation, in lower case. */
export type Operation =
  | 'read'
  | 'write'
  | 'create'
  | 'delete'
  | 'alter'
  | 'describe'
  | 'cluster_action'
  | 'describe_configs'
  | 'alter_configs'
  | 'idempotent_write'

/** Kafka's ResourceType, in lower case. */
export type ResourceType = 'topic' | 'group' | 'cluster' | 'transactional_id'

export interface Resource {
  readonly type: ResourceType
  /** The name of a topic or group, or a transactional id; of the cluster always `kafka-cluster`. */
  readonly name: string
}

export const CLUSTER: Resource = { type: 'cluster', name: 'kafka-cluster' }

export function topicResource(name: string): Resource {
  return { type: 'topic', name }
}

export function groupResource(name: string): Resource {
  return { type: 'group', name }
}

export function transactionalIdResource(id: string): Resource {
  return { type: 'transactional_id', name: id }
}

export const SUPPORTED_OPERATIONS: Readonly<Record<ResourceType, readonly Operation[]>> = {
  topic: [
    'read',
    'write',
    'create',
    'delete',
    'alter',
    'describe',
    'describe_configs',
    'alter_configs',
  ],
  group: ['read', 'delete', 'describe', 'describe_configs', 'alter_configs'],
  cluster: [
    'create',
    'alter',
    'describe',
    'cluster_action',
    'describe_configs',
    'alter_configs',
    'idempotent_write',
  ],
  transactional_id: ['write', 'describe'],
}
