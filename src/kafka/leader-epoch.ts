/** Checks the leader epoch that clients send (KIP-320). */
import { EdgelogError } from '../core/errors.ts'
import { LEADER_EPOCH } from './broker-node.ts'

/** Returns an error if the client has seen a later leader epoch; -1 requests no check. */
export function epochError(currentLeaderEpoch: number): EdgelogError | undefined {
  if (currentLeaderEpoch <= LEADER_EPOCH) return undefined
  const why = `currentLeaderEpoch: the current one is ${LEADER_EPOCH}, got ${currentLeaderEpoch}`
  return new EdgelogError('unknown_leader_epoch', why)
}
