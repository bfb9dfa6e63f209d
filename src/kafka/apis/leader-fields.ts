/** The fields of Produce and Fetch that announce a new leader (KIP-951). */
import { array, int32, nullableString, string, struct } from '../../core/kafka/schema.ts'

/** Tag it with the versions of the field that contains it. */
export const leaderIdAndEpoch = struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) })

export const nodeEndpoints = array({
  nodeId: int32,
  host: string,
  port: int32,
  rack: nullableString.or(null),
})
