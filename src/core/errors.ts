/**
 * The one table of errors. Every error that crosses a module or a network boundary is a row here; nothing else
 * decides an HTTP status or a Kafka error number.
 */

interface ErrorRow {
  /** Kafka's error number, for the wire protocol. */
  readonly kafka: number
  readonly http: number
  /** True if the same call may succeed later without being changed. */
  readonly retryable: boolean
  /** True if the call may have changed something. If false it has changed nothing, and any caller may repeat it. */
  readonly mayHaveTakenEffect: boolean
}

function row(
  kafka: number,
  http: number,
  {
    retryable = false,
    mayHaveTakenEffect = false,
  }: { retryable?: boolean; mayHaveTakenEffect?: boolean } = {},
): ErrorRow {
  return { kafka, http, retryable, mayHaveTakenEffect }
}

export const ERRORS = {
  /** The authorizer refuses an operation on the cluster. */
  cluster_authorization_failed: row(31, 403),
  /** Another transaction of the same id is being ended: try again soon. */
  concurrent_transactions: row(51, 409, { retryable: true }),
  /** The CRC, framing or compressed data of a batch is invalid. */
  corrupt_message: row(2, 400),
  expected_offset_mismatch: row(42, 412),
  /** The member's epoch is not the group's: it gives up its partitions and rejoins with epoch 0. */
  fenced_member_epoch: row(110, 409),
  /** Another member took over this instance id. */
  fenced_instance_id: row(82, 409),
  forbidden: row(31, 403),
  /** The authorizer refuses an operation on a group. */
  group_authorization_failed: row(30, 403),
  group_id_not_found: row(69, 404),
  group_max_size_reached: row(81, 403),
  group_subscribed_to_topic: row(86, 409),
  illegal_generation: row(22, 409),
  inconsistent_group_protocol: row(23, 409),
  internal: row(-1, 500, { mayHaveTakenEffect: true }),
  invalid_config: row(40, 400),
  invalid_group_id: row(24, 400),
  invalid_partitions: row(37, 400),
  invalid_producer_epoch: row(47, 409),
  /** The transactional id is unknown, or belongs to another producer id. */
  invalid_producer_id_mapping: row(49, 409),
  invalid_record: row(87, 400),
  invalid_regular_expression: row(128, 400),
  invalid_request: row(42, 400),
  invalid_required_acks: row(21, 400),
  invalid_replica_assignment: row(39, 400),
  invalid_replication_factor: row(38, 400),
  invalid_session_timeout: row(26, 400),
  /** A statement of SQL that is refused: `details` names it. Nothing of it was carried out. */
  invalid_statement: row(42, 400),
  invalid_timestamp: row(32, 400),
  invalid_topic: row(17, 400),
  /** The topology of an application has changed so that its state does not fit. */
  invalid_topology: row(42, 409),
  invalid_transaction_timeout: row(50, 400),
  /** The operation does not fit the state of the transaction, e.g. a record outside of an open transaction. */
  invalid_txn_state: row(48, 409),
  /** The table of the topic has no value for the key. */
  key_not_found: row(42, 404),
  /** The classic protocol: rejoin with the member id that the error carries. */
  member_id_required: row(79, 409),
  message_too_large: row(10, 413),
  method_not_allowed: row(42, 405),
  non_empty_group: row(68, 409),
  not_acceptable: row(42, 406),
  not_found: row(42, 404),
  /** No sealed chunk holds the offset: a fetch has the records, if there are any. */
  not_sealed: row(42, 404),
  offset_metadata_too_large: row(12, 400),
  offset_out_of_range: row(1, 416),
  out_of_order_sequence_number: row(45, 409),
  /** Some partitions have stored their records and some have not: `details` names them, with the reasons. */
  partly_appended: row(-1, 500, { mayHaveTakenEffect: true }),
  policy_violation: row(44, 403),
  /** A later instance of the producer has taken over the transactional id. */
  producer_fenced: row(90, 409),
  /** The classic protocol: the member has to rejoin. */
  rebalance_in_progress: row(27, 409),
  /** An object in R2 is missing, or is not what the partition wrote. Readers go on when it is back. */
  remote_storage_damaged: row(56, 503, { retryable: true }),
  /** R2 failed or did not respond in time. */
  remote_storage_unavailable: row(56, 503, { retryable: true }),
  request_too_large: row(42, 413),
  /** A commit with an epoch or for a partition that the member no longer has. */
  stale_member_epoch: row(113, 409),
  /** The browser refuses access to its database. */
  storage_failed: row(56, 500, { retryable: true }),
  /** The browser has no room left for records to send. */
  storage_full: row(56, 507, { retryable: true }),
  /** The data stored in the browser is gone: cleared by the user or by the browser. */
  storage_lost: row(56, 500),
  /** The topic keeps no table: `edgelog.table.enable` is not set. */
  table_not_enabled: row(42, 409),
  throttled: row(89, 429, { retryable: true }),
  topic_already_exists: row(36, 409),
  /** The authorizer refuses an operation on a topic. */
  topic_authorization_failed: row(29, 403),
  /** The client has to abort the transaction, and may then begin the next one. */
  transaction_abortable: row(120, 409),
  /** Nothing of the transaction is visible: `details` has the reason. */
  transaction_aborted: row(120, 409),
  /** A marker of an earlier transaction than the last one that ended. */
  transaction_coordinator_fenced: row(52, 409),
  /** The id was used for a transaction with other contents. */
  transaction_id_reused: row(42, 422),
  /** The authorizer refuses an operation on a transactional id, or the Worker has no transactions. */
  transactional_id_authorization_failed: row(53, 403),
  transactional_id_not_found: row(105, 404),
  unauthorized: row(58, 401),
  /** The response did not arrive: the call may or may not have taken effect. */
  unavailable: row(7, 503, { retryable: true, mayHaveTakenEffect: true }),
  /** The client uses a later leader epoch of the partition than the current one. */
  unknown_leader_epoch: row(75, 409),
  /** The group has no such member: the client gives up its partitions and rejoins with epoch 0. */
  unknown_member_id: row(25, 404),
  /** The producer's state expired, or its first batch has not arrived: it continues under a new epoch. */
  unknown_producer_id: row(59, 409),
  /** No topic has this id: the topic was deleted, and another topic may have its name. */
  unknown_topic_id: row(100, 404),
  unknown_topic_or_partition: row(3, 404),
  /** The instance id belongs to a member that is still in the group. */
  unreleased_instance_id: row(111, 409),
  /** An open transaction will change the offset: try again when it has ended. */
  unstable_offset_commit: row(88, 409, { retryable: true }),
  unsupported_assignor: row(112, 400),
  unsupported_compression_type: row(76, 400),
  unsupported_media_type: row(42, 415),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

/** Data of an error besides its text, e.g. both ends of the log for `offset_out_of_range`. */
export type ErrorDetails = Readonly<Record<string, unknown>>

/** An error in transit: in the body of an HTTP response, and as a value over RPC. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly details?: ErrorDetails
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}

/**
 * The only error edgelog throws on purpose.
 *
 * @example
 * throw new EdgelogError('invalid_topic', 'name: at most 249 characters are allowed, got 300')
 */
export class EdgelogError extends Error {
  override readonly name = 'EdgelogError'
  readonly code: ErrorCode
  readonly details: ErrorDetails | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetails | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details
  }

  /** True if the same call may succeed later, unchanged. */
  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }

  /**
   * True if the call may have changed something although it failed, e.g. because its response was lost. If
   * false, nothing was changed, and a call that is not idempotent can be repeated safely.
   */
  get mayHaveTakenEffect(): boolean {
    return ERRORS[this.code].mayHaveTakenEffect
  }

  toBody(): ErrorBody {
    const { code, message, retryable, details } = this
    return { code, message, retryable, ...(details && { details }) }
  }

  static fromBody({ code, message, details }: ErrorBody): EdgelogError {
    return new EdgelogError(code, message, { details })
  }
}

/**
 * The result of a call to a Durable Object. An error is returned as a value, because workerd logs every
 * exception that leaves an object, even one that its caller expects.
 */
export type Result<T> = { readonly ok: T } | { readonly error: ErrorBody }

/** Runs `work` and turns an `EdgelogError` into a value; any other error is a defect and is thrown on. */
export function resultOf<T>(work: () => T): Result<T> {
  try {
    return { ok: work() }
  } catch (error) {
    if (error instanceof EdgelogError) return { error: error.toBody() }
    throw error
  }
}

/** Runs asynchronous work like `reply`. */
export async function replyAsync<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: await work() }
  } catch (error) {
    if (error instanceof EdgelogError) return { error: error.toBody() }
    throw error
  }
}

export function unwrap<T>(result: Result<T>): T {
  if ('error' in result) throw EdgelogError.fromBody(result.error)
  return result.ok
}

/** Throws if an invariant is broken. Active in production too: continuing would damage the log. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`)
}
