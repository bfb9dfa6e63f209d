/** Every cap and delay of the browser client, with its unit and reason. */

const KIB = 1024
const MIB = 1024 * KIB
const SECOND_MS = 1_000
const DAY_MS = 86_400 * SECOND_MS

// -- database ----------------------------------------------------------------------------------

/** How long an older tab may keep the database from being opened before the page is told. */
export const BLOCKED_OPEN_MS = 3 * SECOND_MS
/** Runs of one transaction: its connection may be one that was closed unnoticed, and the next be closed too. */
export const STORAGE_ATTEMPTS_MAX = 3

// -- outbox ------------------------------------------------------------------------------------

/** Bytes of one row: a transaction that writes less is as fast, and none holds up the others long. */
export const OUTBOX_ROW_BYTES_MAX = 256 * KIB
/** Records of one transaction, and of those that wait for the next. */
export const ENQUEUE_RECORDS_MAX = 1_000
export const GATHERED_RECORDS_MAX = 100_000
/** How often half of the cache goes before a record is refused for lack of space. */
export const EVICTIONS_MAX = 4
/** What may wait to be sent. */
export const OUTBOX_BYTES_MAX = 256 * MIB
/** The most of one request on a fast line; on a slow one requests are as small as it asks for (`send-pace.ts`). */
export const SEND_BYTES_MAX = 512 * KIB
export const SEND_RECORDS_MAX = 10_000
/** Partitions sent to at a time: browsers open six connections to a server, and others want some. */
export const SENDS_MAX = 3
export const SEND_BACKOFF_MS = 500
export const SEND_BACKOFF_MS_MAX = 30 * SECOND_MS
/** Requests to one partition before the others have their turn. */
export const TURN_SENDS_MAX = 8
/** How long is rested at most: events may be missed, and clocks may jump. */
export const OFFLINE_CHECK_MS = 30 * SECOND_MS
/** So that a million pages do not return at once. */
export const WAKE_JITTER_MS = SECOND_MS
/** How often it is tried again while the server refuses the token: perhaps it was not the server. */
export const AUTH_RETRY_MS = 300 * SECOND_MS
/** Answers "out of order" in a row after which the log has lost what it knew of us. */
export const OUT_OF_ORDER_MAX = 4
/** The log remembers a silent producer for 30 days; long before, its memory is not relied on. */
export const PRODUCER_TRUST_MS = 14 * DAY_MS
/** Of one search for records that may be in the log: the other partitions want their turn. */
export const CHECK_FETCHES_MAX = 32
/** Kept of a partition, for tabs that were frozen while they were told. */
export const ACKS_KEPT = 16
export const MOVES_KEPT = 1_000
/** Positions begin below this: 2^40 of them leave no two beginnings near one another. */
export const FIRST_POSITION_MAX = 2 ** 40

// -- service worker ----------------------------------------------------------------------------

/** Browsers give an event a few minutes at most. */
export const BACKGROUND_FLUSH_MS = 60 * SECOND_MS
/** Of the sync event. */
export const SYNC_TAG = 'edgelog'

// -- access ------------------------------------------------------------------------------------

/** Between two questions for another token. */
export const TOKEN_INTERVAL_MS = 5 * SECOND_MS
/** How long an answer is waited for. */
export const TOKEN_TIMEOUT_MS = 30 * SECOND_MS

// -- status ------------------------------------------------------------------------------------

/** Between two looks at the outbox for the status. */
export const STATUS_INTERVAL_MS = 100
/** Between two questions about the storage: the browser adds up files for it. */
export const STORAGE_CHECK_MS = 30 * SECOND_MS
/** How often `flush` looks by itself: messages of other tabs may be missed. */
export const FLUSH_CHECK_MS = SECOND_MS

// -- cache -------------------------------------------------------------------------------------

export const CACHE_BYTES_MAX = 64 * MIB
export const CACHE_RECORDS_MAX = 1_000_000
export const CACHE_AGE_MS_MAX = 365 * DAY_MS
/** How long a topic is kept that was followed for a reader, and that nobody reads any more. */
export const CACHE_UNUSED_MS = 30 * DAY_MS
/** How often a reader says that it still reads. */
export const CACHE_USE_INTERVAL_MS = DAY_MS
/** A row below this grows by what follows; above it, the next row begins. */
export const CACHE_ROW_BYTES = 256 * KIB
/** Below it a topic would be evicted row by row before it is read. */
export const CACHE_BYTES_MIN = 4 * CACHE_ROW_BYTES
/** How often a reader at the end looks itself: messages of other tabs may be missed. */
export const CACHE_RECHECK_MS = 5 * SECOND_MS
/** Silence after which the network is given up where the cache could answer. */
export const CACHE_NETWORK_MS = 3 * SECOND_MS
/**
 * First read of what is not kept yet, doubled with each one after it: on a slow line the tab that leads
 * brings the same bytes, and what it has kept is not read from the network a second time.
 */
export const CACHE_FIRST_READ_BYTES = 32 * KIB
/** How long nothing is kept after the browser refused to store. */
export const CACHE_REST_MS = 300 * SECOND_MS
/** How often it is asked for a topic that is followed, and is not there. */
export const MISSING_TOPIC_RETRY_MS = 30 * SECOND_MS

// -- tabs --------------------------------------------------------------------------------------

/** Between two beats of the leader. */
export const BEAT_INTERVAL_MS = 2 * SECOND_MS
/** Silence after which a tab in view takes the leader for frozen. */
export const LEADER_SILENCE_MS_MAX = 10 * SECOND_MS

// -- sync --------------------------------------------------------------------------------------

/** How long a connection lasts until the failures before it are forgotten. */
export const HEALTHY_MS = 10 * SECOND_MS
/** Connections of a transport that bring nothing until the next is tried. */
export const STRIKES_MAX = 2
/** How long a worse transport is used before the better ones are tried again. */
export const PROBE_INTERVAL_MS = 300 * SECOND_MS
/** Longer than a long poll, as long as two pings: the connection of a page that comes back may be dead. */
export const WAKE_SILENCE_MS_MAX = 30 * SECOND_MS
/** A timer is later than this only on a machine that slept; those of hidden pages are a minute late. */
export const LATE_TIMER_MS_MAX = 120 * SECOND_MS
/** Bytes under way, of one partition: some hundred milliseconds of what is stored. */
export const FOLLOW_PARTITION_CREDIT_BYTES = 4 * MIB
/** By event stream, where the server grants more as its events are taken: the first frames are small. */
export const FOLLOW_STREAM_CREDIT_BYTES = 64 * KIB
/** Bytes under way, of all that is followed together. */
export const FOLLOW_CREDIT_BYTES = 16 * MIB
