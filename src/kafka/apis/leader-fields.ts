/** What Produce and Fetch say of leaders that moved (KIP-951), in fields that are alike. */
import { array, int32, nullableString, string, struct } from '../../core/kafka/schema.ts'

/** Tagged with the same versions as the field that holds it. */
export const leaderIdAndEpoch = struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) })

export const nodeEndpoints = array({
  nodeId: int32,
  host: string,
  port: int32,
  rack: nullableString.or(null),
})
