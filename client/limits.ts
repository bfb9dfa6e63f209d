/** Limits and delays of the client, with unit and reason. Options override the defaults. */

const KIB = 1024
const MIB = 1024 * KIB

/** Longest delay of a timer: 24.8 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1

// -- calls -------------------------------------------------------------------------------------

/**
 * Silence after which a call fails; a produce call may have taken effect by then. An
 * upload shows no progress, so little is sent at a time on a slow line (`send-pace.ts`).
 */
export const REQUEST_TIMEOUT_MS = 30_000
/** First and longest delay before a retry; the delay is random below the bound. */
export const RETRY_BACKOFF_MS = 100
export const RETRY_BACKOFF_MS_MAX = 10_000
/** Longest `Retry-After` that is followed; a longer one is the mistake of some proxy. */
export const RETRY_AFTER_MS_MAX = 60_000
/** Age at which cached topic metadata is refreshed: Kafka's `metadata.max.age.ms`. */
export const METADATA_MAX_AGE_MS = 300_000

// -- producer ----------------------------------------------------------------------------------

export const LINGER_MS = 5
/** Measured with 100-byte records: 64 KiB give half of its records/s, 900 KiB a tenth more. */
export const BATCH_BYTES = 512 * KIB
export const BUFFER_BYTES = 32 * MIB
/** Batches that a partition remembers per producer; duplicates of older ones would not be recognised. */
export const IN_FLIGHT_MAX = 5
/** Silence after which records fail if no `deliveryTimeoutMs` is set. */
export const DELIVERY_SILENCE_MS = 120_000
/** Time that the bytes in flight should take: a line may slow down sevenfold before a request times out. */
export const SEND_WINDOW_MS = 4_000
/** Bytes in flight before the line is measured: 20 kbit/s carry them in 7 s. */
export const SEND_WINDOW_BYTES_MIN = 16 * KIB
/** Slowest supported rate: 20 kbit/s, less the overhead of HTTP and TCP. Sets the time of bytes beyond the window. */
export const SEND_BYTES_PER_MS_MIN = 2
/** A window holds two batches: one is in flight while the next is built. */
export const SEND_BATCHES_PER_WINDOW = 2
/**
 * Batches of a partition overtake each other on a slow line, and the log waits only 250 ms
 * for a missing one. So a batch follows another only if the line carries it in half a second.
 */
export const SEND_FOLLOWS_PER_WINDOW = 8
/** Memory of a record beyond its bytes: its promise and the resolver. Limits the number of tiny records. */
export const RECORD_OVERHEAD_BYTES = 128
/** Emptied buffers kept for the next batches, over all partitions. */
export const IDLE_BUILDERS_MAX = 16

// -- transactions -----------------------------------------------------------------------------

/** Bytes of records that an open transaction of a transactional id holds before it sends them. */
export const TRANSACTION_BUFFER_BYTES = 4 * MIB
/** Partitions of a transaction that are sent to at a time. */
export const TRANSACTION_FANOUT_MAX = 32
/** Time for which an abort is retried: it only ends the transaction sooner than its timeout does. */
export const TRANSACTION_ABORT_TIMEOUT_MS = 10_000

// -- session -----------------------------------------------------------------------------------

/** Requests in the last second that make a session worth its opening. */
export const SESSION_REQUESTS_PER_SECOND_MIN = 10
/** Requests without a response on one session, over all partitions: less than the server allows. */
export const SESSION_REQUESTS_MAX = 500
export const SESSION_OPEN_TIMEOUT_MS = 10_000
/** Time for which requests are used after a session could not be opened, or ended without any response. */
export const SESSION_AVOIDED_MS = 60_000
/** Time without a request after which a session is ended: an open socket keeps a program of Node from ending. */
export const SESSION_IDLE_MS = 5_000
/** The server sends a ping every 15 s: a session that is silent for longer than two pings is dead. */
export const SESSION_SILENCE_MS_MAX = 40_000
/** Fetches over a session at a time: 4 MiB of responses at most, unless a consumer asks for more at a time. */
export const SESSION_FETCHES_MAX = 4
/** A fetch that takes longer shows a slow line: a heartbeat would wait behind the next one. */
export const SESSION_FETCH_MS_MAX = 2_000
/** Time for which fetches are requests of their own then. */
export const SESSION_FETCHES_AVOIDED_MS = 600_000

// -- consumer ----------------------------------------------------------------------------------

export const FETCH_BYTES = 1 * MIB
/** A log of smaller sealed chunks is read faster by fetches, which return many of them at once. */
export const SEALED_BYTES_MIN = FETCH_BYTES / 2
/** Fetches after which such a log is tried again. */
export const SMALL_CHUNK_FETCHES = 32
export const CONSUMER_BUFFER_BYTES = 32 * MIB
/** Server-side wait of a long poll: below the idle time-outs of common proxies. */
export const LONG_POLL_WAIT_MS = 25_000
/** Longest pause after an empty response that arrived at once. */
export const NO_PROGRESS_PAUSE_MS = 1_000
/** Bytes of decoded records delivered at a time; a larger single batch is delivered alone. */
export const DELIVERY_BYTES = 1 * MIB
/** Bytes that a live tail may be ahead of the application, per partition. */
export const TAIL_CREDIT_BYTES = 1 * MIB
export const TAIL_CREDIT_BYTES_MIN = 16 * KIB
/** A credit that is used up within this time grows. */
export const TAIL_CREDIT_WINDOW_MS = 1_000
export const TAIL_CREDIT_GROWTH = 4
/** Reads of the same bytes before damage counts as permanent. */
export const CORRUPT_READS_MAX = 3
/** The server sends a ping every 15 s: a connection that is silent for longer than two pings is dead. */
export const TAIL_SILENCE_MS_MAX = 40_000
export const TAIL_OPEN_TIMEOUT_MS = 10_000
/** Longest wait for the response to a subscription while frames of other subscriptions keep arriving. */
export const TAIL_ANSWER_MS_MAX = 120_000
export const RESUME_BACKOFF_MS = 500
export const RESUME_BACKOFF_MS_MAX = 30_000
/** Consecutive failed connections before partitions are read by long poll instead. */
export const TAIL_FAILURES_MAX = 3
/** Time for which the long poll is used then, before the live tail is tried again. */
export const TAIL_AVOIDED_MS = 60_000

// -- group consumer ----------------------------------------------------------------------------

/** Kafka's `auto.commit.interval.ms`. */
export const AUTO_COMMIT_INTERVAL_MS = 5_000
/** Kafka's `session.timeout.ms`. */
export const SESSION_TIMEOUT_MS = 45_000
/** Kafka's `max.poll.interval.ms`. */
export const MAX_POLL_INTERVAL_MS = 300_000
/** Calls that fit into a session: a call fails after this part of it, which leaves time for another. */
export const CALLS_PER_SESSION = 2
/** The pause before a retried heartbeat is at most this part of a session. */
export const HEARTBEAT_RETRIES_PER_SESSION = 10
/**
 * Time for which a commit is retried: half of Kafka's
 * `default.api.timeout.ms`; the next commit covers the same offsets.
 */
export const COMMIT_TIMEOUT_MS = 30_000
/** Time that `close()` waits for handlers; then for the last commit, and for leaving the group. */
export const CLOSE_WORK_MS = 10_000
export const LEAVE_TIMEOUT_MS = 3_000
/** Highest number of batches handled at a time. */
export const CONCURRENCY_MAX = 10_000
/** Interval between two lag reports. */
export const LAG_INTERVAL_MS = 1_000

// -- poll of a group ---------------------------------------------------------------------------

export const POLL_RECORDS = 500
export const POLL_RECORDS_MAX = 100_000
export const POLL_WAIT_MS = 5_000
/** Shortest wait: with less, a member would join, cause a rebalance, and leave before it has partitions. */
export const POLL_WAIT_MS_MIN = 1_000
/** Wait for further records after the first ones: they are read ahead, or one fetch away. */
export const POLL_QUIET_MS = 100
/**
 * Session of a member that lives for one request: if its caller dies, it blocks its partitions for this long at most.
 */
export const POLL_SESSION_TIMEOUT_MS = 30_000

/** Time for which a call that moves a log is repeated: longer than a deployment takes. */
export const RESTORE_RETRY_MS = 120_000

// -- streams -----------------------------------------------------------------------------------

/** Pause before a task is opened again after its storage failed; it doubles from the minimum to the maximum. */
export const TASK_REOPEN_MS_MIN = 100
export const TASK_REOPEN_MS_MAX = 30_000
/** Wait of a query for the position that it demands: that of the server. */
export const STORE_WAIT_MS = 5_000
/** Rows of a query that has no limit: as on the server. */
export const STORE_ROWS = 100
/** Pause of a watch on a topic after an error. */
export const WATCH_RETRY_MS = 1_000

// -- SQL ---------------------------------------------------------------------------------------

/** Silence after which a query counts as lost: the server sends a line at least every 15 s. */
export const SQL_SILENCE_MS_MAX = 40_000
/** Characters of one row: a row of the largest record, with room for escapes. A longer one is an error. */
export const SQL_ROW_LENGTH_MAX = 64 * MIB
