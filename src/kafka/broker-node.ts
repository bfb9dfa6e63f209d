/** The one broker that clients see. */
import type { HostAndPort } from './handled.ts'

/** It leads all partitions, coordinates all groups, and is the controller. */
export const NODE_ID = 1
export const CLUSTER_ID = 'edgelog'
/** The name of the one listener, which the bridge holds: whether with TLS or SASL, only the bridge decides. */
export const LISTENER_NAME = 'BRIDGE'
/** Stands for the platform's storage wherever Kafka names the folder of a partition. */
export const LOG_DIR = '/edgelog'
/** A partition has one life, and with it one leader epoch: what the log writes into its batches. */
export const LEADER_EPOCH = 0

/** Its row in lists of brokers. */
export function brokerAt({ host, port }: HostAndPort): {
  readonly nodeId: number
  readonly host: string
  readonly port: number
} {
  return { nodeId: NODE_ID, host, port }
}
