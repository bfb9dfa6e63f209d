/** Limits and delays of the browser client, with unit and reason. */

const KIB = 1024
const MIB = 1024 * KIB
const SECOND_MS = 1_000
const DAY_MS = 86_400 * SECOND_MS

// -- database ----------------------------------------------------------------------------------

/** Time for which an older tab may block the opening of the database before the page is notified. */
export const BLOCKED_OPEN_MS = 3 * SECOND_MS
/** Attempts of one transaction: its connection may have been closed unnoticed, and the next one too. */
export const STORAGE_ATTEMPTS_MAX = 3

// -- outbox ------------------------------------------------------------------------------------

/** Bytes of one row: smaller transactions are not faster, larger ones delay the others. */
export const OUTBOX_ROW_BYTES_MAX = 256 * KIB
/** Records of one transaction, and of those that wait for the next. */
export const ENQUEUE_RECORDS_MAX = 1_000
export const GATHERED_RECORDS_MAX = 100_000
/** Number of times that half of the cache is evicted before a record is rejected for lack of space. */
export const EVICTIONS_MAX = 4
/** Largest total size of the records that wait to be sent. */
export const OUTBOX_BYTES_MAX = 256 * MIB
/** Largest request on a fast line; on a slow line requests are as small as `send-pace.ts` requires. */
export const SEND_BYTES_MAX = 512 * KIB
export const SEND_RECORDS_MAX = 10_000
/** Partitions sent to at a time: browsers open six connections to a server, and other requests need some. */
export const SENDS_MAX = 3
export const SEND_BACKOFF_MS = 500
export const SEND_BACKOFF_MS_MAX = 30 * SECOND_MS
/** Requests to one partition before the others get their turn. */
export const TURN_SENDS_MAX = 8
/** Longest rest: events may be missed, and clocks may jump. */
export const OFFLINE_CHECK_MS = 30 * SECOND_MS
/** Longest random delay after an event, so that a million pages do not return at once. */
export const WAKE_JITTER_MS = SECOND_MS
/** Interval of retries while the token is rejected: the response may be that of a proxy. */
export const AUTH_RETRY_MS = 300 * SECOND_MS
/** Consecutive "out of order" responses after which the log is assumed to have lost this producer's state. */
export const OUT_OF_ORDER_MAX = 4
/** Age after which the log's producer state is checked before sending; the log keeps it for 30 days. */
export const PRODUCER_TRUST_MS = 14 * DAY_MS
/** Age of a transaction's first request after which it is parked: the log recognizes its id for 24 hours. */
export const TRANSACTION_TRUST_MS = 23 * 3_600 * SECOND_MS
/** Requests of one search for records that may be in the log, so that other partitions get their turn. */
export const CHECK_FETCHES_MAX = 32
/** Kept per partition, for tabs that were frozen when these were published. */
export const ACKS_KEPT = 16
export const MOVES_KEPT = 1_000
/** First positions are random below this: 2^40 values make it unlikely that two ranges overlap. */
export const FIRST_POSITION_MAX = 2 ** 40

// -- service worker ----------------------------------------------------------------------------

/** Time of a background flush: browsers give an event a few minutes at most. */
export const BACKGROUND_FLUSH_MS = 60 * SECOND_MS
/** Tag of the sync event. */
export const SYNC_TAG = 'edgelog'

// -- access ------------------------------------------------------------------------------------

/** Shortest interval between two requests for another token. */
export const TOKEN_INTERVAL_MS = 5 * SECOND_MS
/** Longest wait for the page's response. */
export const TOKEN_TIMEOUT_MS = 30 * SECOND_MS

// -- status ------------------------------------------------------------------------------------

/** Interval between two counts of the outbox for the status. */
export const STATUS_INTERVAL_MS = 100
/** Interval between two storage estimates: the browser adds up files for each. */
export const STORAGE_CHECK_MS = 30 * SECOND_MS
/** Interval at which `flush` checks the outbox: messages of other tabs may be missed. */
export const FLUSH_CHECK_MS = SECOND_MS

// -- cache -------------------------------------------------------------------------------------

export const CACHE_BYTES_MAX = 64 * MIB
export const CACHE_RECORDS_MAX = 1_000_000
export const CACHE_AGE_MS_MAX = 365 * DAY_MS
/** Time for which a topic stays cached that was followed for a reader and is no longer read. */
export const CACHE_UNUSED_MS = 30 * DAY_MS
/** Interval at which a reader renews its use of a topic. */
export const CACHE_USE_INTERVAL_MS = DAY_MS
/** A row smaller than this is extended by later batches; otherwise the next row begins. */
export const CACHE_ROW_BYTES = 256 * KIB
/** With less, a topic would be evicted row by row before it is read. */
export const CACHE_BYTES_MIN = 4 * CACHE_ROW_BYTES
/** Interval at which a reader at the end of the log checks the cache: messages of other tabs may be missed. */
export const CACHE_RECHECK_MS = 5 * SECOND_MS
/** Silence after which the cache is used instead of the network. */
export const CACHE_NETWORK_MS = 3 * SECOND_MS
/**
 * First read of a partition that is not cached yet; each further read doubles it. On a slow line the
 * leading tab fetches the same bytes, and bytes that it has cached are not read from the network again.
 */
export const CACHE_FIRST_READ_BYTES = 32 * KIB
/** Size of a partition from which it is filled with sealed chunks; a smaller one hardly has any. */
export const CATCH_UP_BYTES_MIN = MIB
/** A log of smaller chunks is read faster by the tail, which sends many of them at once. */
export const CATCH_UP_CHUNK_BYTES_MIN = MIB / 2
/** Partitions filled at once: each uses one of the browser's six connections to a host. */
export const CATCH_UPS_MAX = 2
/** Time for which nothing is cached after the browser failed to store. */
export const CACHE_REST_MS = 300 * SECOND_MS
/** Interval at which a followed topic that does not exist is looked up. */
export const MISSING_TOPIC_RETRY_MS = 30 * SECOND_MS

// -- tabs --------------------------------------------------------------------------------------

/** Interval between two beats of the leader. */
export const BEAT_INTERVAL_MS = 2 * SECOND_MS
/** Silence after which a visible tab assumes that the leader is frozen. */
export const LEADER_SILENCE_MS_MAX = 10 * SECOND_MS

// -- sync --------------------------------------------------------------------------------------

/** Duration of a connection after which earlier failures are reset. */
export const HEALTHY_MS = 10 * SECOND_MS
/** Connections of a transport without data before the next transport is tried. */
export const FAILED_ATTEMPTS_MAX = 2
/** Time for which a worse transport is used before better ones are tried again. */
export const PROBE_INTERVAL_MS = 300 * SECOND_MS
/** Longer than a long poll, and two pings: beyond it the connection of a resumed page may be dead. */
export const WAKE_SILENCE_MS_MAX = 30 * SECOND_MS
/** A timer is later than this only if the machine slept; timers of hidden pages are up to a minute late. */
export const LATE_TIMER_MS_MAX = 120 * SECOND_MS
/** Bytes in flight for one partition: what the browser stores in some hundred milliseconds. */
export const FOLLOW_PARTITION_CREDIT_BYTES = 4 * MIB
/** Credit on an event stream, where the server grants more as its events are consumed: the first frames are small. */
export const FOLLOW_STREAM_CREDIT_BYTES = 64 * KIB
/** Bytes in flight for all followed partitions together. */
export const FOLLOW_CREDIT_BYTES = 16 * MIB
/** Records that are queued within this time after others are sent together with them. */
export const QUEUE_GAP_MS = 20
/** Longest time for which records gather. */
export const QUEUE_LINGER_MS_MAX = 100

// -- tables ------------------------------------------------------------------------------------

/** Size of all tables of a browser: what it can copy and keep without using up the space of its origin. */
export const TABLES_BYTES_MAX = 256 * MIB
/** Approximate bytes that the database needs for a row beside its key, value and headers. */
export const TABLE_ROW_BYTES = 100
/** Time without a use after which a table may be deleted for another one; two intervals in which uses are recorded. */
export const TABLE_IDLE_MS = 2 * CACHE_USE_INTERVAL_MS
/** Time after which a table that was too large is copied again when it is used. */
export const TABLE_FULL_MS = DAY_MS
/** Entries that are read from the database at once. */
export const TABLE_PAGE_ENTRIES = 1_000
/** Interval at which a followed table asks whether it has missed tombstones; they stay in the log for longer. */
export const TABLE_CHECK_MS = 60 * SECOND_MS
/** Wait of `get` for an offset, or for the first copy of the table: that of the server. */
export const TABLE_WAIT_MS = 5 * SECOND_MS

// -- streams -----------------------------------------------------------------------------------

/** Stored state of one task of a topology: it is loaded into memory when the task opens. */
export const TASK_STATE_BYTES_MAX = 64 * MIB
/** Records of one turn: it blocks the page, for 10 to 30 ms. With fewer, the updates of a key coalesce less. */
export const PAGE_TURN_RECORDS_MAX = 2_500
/** Rows of a repartition that are read at once. */
export const HOP_ROWS_MAX = 16
