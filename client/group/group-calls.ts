/** The HTTP calls about groups, one function each (docs/PROTOCOL.md). */
import { parseGroupId } from '../../src/core/group/group-id.ts'
import { type Connection, request, requestJson } from '../http/connection.ts'

export interface AssignedPartitions {
  readonly topic: string
  /** A topic that is deleted and created again gets another id. */
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** Omitted fields keep their previous value. */
export interface Heartbeat {
  readonly memberId: string
  /** 0 joins, -1 leaves, -2 leaves temporarily (with `instanceId`). */
  readonly memberEpoch: number
  readonly instanceId?: string
  readonly clientId?: string
  readonly topics?: readonly string[]
  readonly topicPattern?: string
  readonly assignor?: 'uniform' | 'range'
  readonly owned?: readonly AssignedPartitions[]
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
}

export interface HeartbeatResponse {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** All partitions that the member is to hold; null: unchanged. */
  readonly assignment: readonly AssignedPartitions[] | null
}

export interface CommittingMember {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId?: string
}

export interface OffsetCommit {
  readonly topic: string
  readonly partition: number
  /** Offset of the next record to read. */
  readonly offset: number
  readonly metadata?: string
}

export interface CommittedOffset extends OffsetCommit {
  readonly metadata: string
  readonly leaderEpoch: number
  /** Milliseconds since 1970. */
  readonly committedAtMs: number
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
}

/** @throws {EdgelogError} `invalid_group_id`. */
export function groupPath(groupId: string): string {
  return `/v1/groups/${encodeURIComponent(parseGroupId(groupId))}`
}

/** @throws {RequestError} `unknown_member_id`, `fenced_member_epoch`, ..., `unavailable`. */
export async function sendHeartbeat(
  connection: Connection,
  groupId: string,
  heartbeat: Heartbeat,
  options: CallOptions = {},
): Promise<HeartbeatResponse> {
  return await requestJson(connection, `${groupPath(groupId)}/heartbeat`, {
    ...post(heartbeat),
    ...options,
  })
}

/**
 * @param member The committing member; undefined commits by hand, which a group with members rejects.
 * @throws {RequestError} `stale_member_epoch`, `unknown_member_id`, `offset_out_of_range`, ...
 */
export async function commitOffsets(
  connection: Connection,
  groupId: string,
  member: CommittingMember | undefined,
  offsets: readonly OffsetCommit[],
  options: CallOptions = {},
): Promise<void> {
  const call = { ...post({ ...member, offsets }), ...options }
  await request(connection, `${groupPath(groupId)}/offsets`, call, async () => {})
}

/**
 * @param options `isStable`: an offset that an open transaction may change is an error.
 * @throws {RequestError} `group_id_not_found`, `unknown_topic_or_partition`; `unstable_offset_commit`.
 */
export async function fetchOffsets(
  connection: Connection,
  groupId: string,
  topic?: string,
  { isStable = false, ...options }: CallOptions & { readonly isStable?: boolean } = {},
): Promise<readonly CommittedOffset[]> {
  const query = new URLSearchParams({
    ...(topic !== undefined && { topic }),
    ...(isStable && { requireStable: 'true' }),
  })
  const path = `${groupPath(groupId)}/offsets?${query}`
  const { offsets } = await requestJson<{ offsets: readonly CommittedOffset[] }>(
    connection,
    path,
    options,
  )
  return offsets
}

function post(body: object) {
  return {
    method: 'POST',
    body: JSON.stringify(body),
    contentType: 'application/json',
  } as const
}
