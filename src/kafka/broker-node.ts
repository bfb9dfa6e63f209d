/** The one broker that clients see. */
import type { HostAndPort } from './handled.ts'

/** The one node leads all partitions, coordinates all groups, and is the controller. */
export const NODE_ID = 1
export const CLUSTER_ID = 'edgelog'
/** Name of the one listener, which belongs to the bridge: the bridge alone decides on TLS and SASL. */
export const LISTENER_NAME = 'BRIDGE'
/** Stands for the platform's storage where Kafka names the folder of a partition. */
export const LOG_DIR = '/edgelog'
/** A partition never changes its leader, so it has one leader epoch: the one that the log writes into batches. */
export const LEADER_EPOCH = 0

/** Returns the entry of the node in lists of brokers. */
export function brokerAt({ host, port }: HostAndPort): {
  readonly nodeId: number
  readonly host: string
  readonly port: number
} {
  return { nodeId: NODE_ID, host, port }
}
