/** Every cap and delay of the client, with its unit and reason. Options override the defaults. */

const KIB = 1024
const MIB = 1024 * KIB

/** The longest delay of a timer: 24.8 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1

// -- calls -------------------------------------------------------------------------------------

/**
 * Silence after which a call is given up; a produce call may then have taken effect. An upload shows no
 * progress, so what is sent at a time is small on a slow line (`send-pace.ts`).
 */
export const REQUEST_TIMEOUT_MS = 30_000
/** First and longest delay before a call is made again; the delay is random below the bound. */
export const RETRY_BACKOFF_MS = 100
export const RETRY_BACKOFF_MS_MAX = 10_000
/** A `Retry-After` beyond this is a mistake of some proxy. */
export const RETRY_AFTER_MS_MAX = 60_000
/** How old what is known of a topic may be: Kafka's `metadata.max.age.ms`. */
export const METADATA_MAX_AGE_MS = 300_000

// -- producer ----------------------------------------------------------------------------------

export const LINGER_MS = 5
/** Measured with 100-byte records: 64 KiB give half of its records/s, 900 KiB a tenth more. */
export const BATCH_BYTES = 512 * KIB
export const BUFFER_BYTES = 32 * MIB
/** The batches a partition remembers per producer; more could not be told from new ones. */
export const IN_FLIGHT_MAX = 5
/** Silence after which records fail, where no `deliveryTimeoutMs` is given. */
export const DELIVERY_SILENCE_MS = 120_000
/** The bytes under way take about this long: a line may slow down sevenfold before a request times out. */
export const SEND_WINDOW_MS = 4_000
/** Under way before anything is known of the line: 20 kbit/s carry it in 7 s. */
export const SEND_WINDOW_BYTES_MIN = 16 * KIB
/** Where the window ends, requests take their bytes at this rate: 20 kbit/s, less what HTTP and TCP add. */
export const SEND_BYTES_PER_MS_MIN = 2
/** A window holds two batches, so that one is under way while the next is built. */
export const SEND_BATCHES_PER_WINDOW = 2
/**
 * Batches of a partition overtake each other on a slow line, and the log waits only 250 ms for the one
 * that is missing. So a batch follows another only where the line carries it in half a second.
 */
export const SEND_FOLLOWS_PER_WINDOW = 8
/** What a record costs besides its bytes: its promise and the resolver. Tiny records count too. */
export const RECORD_OVERHEAD_BYTES = 128
/** Emptied buffers kept for the next batches; a thousand idle partitions hold none. */
export const IDLE_BUILDERS_MAX = 16

// -- consumer ----------------------------------------------------------------------------------

export const FETCH_BYTES = 1 * MIB
export const CONSUMER_BUFFER_BYTES = 32 * MIB
/** How long a long poll waits at the server: below the idle timeouts of common proxies. */
export const LONG_POLL_WAIT_MS = 25_000
/** Longest pause after an answer that came at once and brought nothing. */
export const NO_PROGRESS_PAUSE_MS = 1_000
/** Bytes of decoded records handed out at a time; a single batch that is larger comes alone. */
export const DELIVERY_BYTES = 1 * MIB
/** Bytes a live tail may be ahead of the application, per partition. */
export const TAIL_CREDIT_BYTES = 1 * MIB
export const TAIL_CREDIT_BYTES_MIN = 16 * KIB
/** A credit that was used up within this time grows. */
export const TAIL_CREDIT_WINDOW_MS = 1_000
export const TAIL_CREDIT_GROWTH = 4
/** Times the same bytes are read again before damage is taken for lasting. */
export const CORRUPT_READS_MAX = 3
/** The server speaks every 15 s: silence longer than two of its pings is a dead connection. */
export const TAIL_SILENCE_MS_MAX = 40_000
export const TAIL_OPEN_TIMEOUT_MS = 10_000
/** How long an answer about a subscription may take at most while frames of others keep coming. */
export const TAIL_ANSWER_MS_MAX = 120_000
export const RESUME_BACKOFF_MS = 500
export const RESUME_BACKOFF_MS_MAX = 30_000
/** Connections that fail in a row before partitions are read by long poll instead. */
export const TAIL_FAILURES_MAX = 3
/** How long the long poll is preferred then, before the live tail is tried again. */
export const TAIL_AVOIDED_MS = 60_000

// -- group consumer ----------------------------------------------------------------------------

/** Kafka's `auto.commit.interval.ms`. */
export const AUTO_COMMIT_INTERVAL_MS = 5_000
/** Kafka's `session.timeout.ms`. */
export const SESSION_TIMEOUT_MS = 45_000
/** Kafka's `max.poll.interval.ms`. */
export const MAX_POLL_INTERVAL_MS = 300_000
/** Parts of a session after which a call of a member is given up: there is time for another. */
export const CALLS_PER_SESSION = 2
/** Parts of a session that the pause before a repeated heartbeat takes at most. */
export const HEARTBEAT_RETRIES_PER_SESSION = 10
/** How long a commit is tried again: Kafka's `default.api.timeout.ms`, halved; the next one says more. */
export const COMMIT_TIMEOUT_MS = 30_000
/** How long `close()` waits for handlers; then for the last commit, and for the word that it leaves. */
export const CLOSE_WORK_MS = 10_000
export const LEAVE_TIMEOUT_MS = 3_000
/** Batches handled at a time. */
export const CONCURRENCY_MAX = 10_000
/** Between two reports of the lag. */
export const LAG_INTERVAL_MS = 1_000

// -- poll of a group ---------------------------------------------------------------------------

export const POLL_RECORDS = 500
export const POLL_RECORDS_MAX = 100_000
export const POLL_WAIT_MS = 5_000
/** In less a member would join, cost the others an assignment, and leave before it is given anything. */
export const POLL_WAIT_MS_MIN = 1_000
/** Once records have come, how long a poll waits for more: they were read ahead, or are a fetch away. */
export const POLL_QUIET_MS = 100
/** Of a member that lives for one request: whoever dies on the way holds up the others no longer. */
export const POLL_SESSION_TIMEOUT_MS = 30_000
