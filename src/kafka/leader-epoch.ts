/** Clients say which leader they take this one for (KIP-320). */
import { EdgelogError } from '../core/errors.ts'
import { LEADER_EPOCH } from './broker-node.ts'

/** A client that knows of a later leader is told that this one does not; -1 asks for no check. */
export function epochRefusal(currentLeaderEpoch: number): EdgelogError | undefined {
  if (currentLeaderEpoch <= LEADER_EPOCH) return undefined
  const why = `currentLeaderEpoch: this is ${LEADER_EPOCH}, got ${currentLeaderEpoch}`
  return new EdgelogError('unknown_leader_epoch', why)
}
