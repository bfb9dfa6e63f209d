/** Every limit of edgelog, with its unit and its reason. No other file defines one. */

const KIB = 1024
const MIB = 1024 * KIB

// -- topics ------------------------------------------------------------------------------------

/** Characters of a topic name: Kafka's own bound. */
export const TOPIC_NAME_LENGTH_MAX = 249
/** Partitions of one topic: each is one Durable Object that has to be called when the topic is changed or deleted. */
export const PARTITIONS_MAX = 1_000
/** Topics of one cluster: with the largest configs their list still fits an RPC result of 32 MiB. */
export const TOPICS_MAX = 5_000
/** Concurrent calls of the coordinator to partitions. */
export const COORDINATOR_FANOUT_MAX = 32
/** Topics that one call to the coordinator creates or deletes: other calls wait some milliseconds for it. */
export const COORDINATOR_TOPICS_MAX = 100
/** Pause before the coordinator retries unreachable partitions; it doubles from the minimum to the maximum. */
export const RECONCILE_RETRY_MS_MIN = 1_000
export const RECONCILE_RETRY_MS_MAX = 60_000
/** UTF-8 bytes of one config value. */
export const CONFIG_VALUE_BYTES_MAX = 1 * KIB

// -- records and batches -----------------------------------------------------------------------

/** Offsets are doubles internally, because workerd reads SQL integers as doubles. */
export const OFFSET_MAX = Number.MAX_SAFE_INTEGER
/** One batch, header included. A row holds at most 2 MB in production, and a batch is never split. */
export const BATCH_BYTES_MAX = 1_990_000
/** Records of one batch: keeps a decoder's memory in proportion to the batch's bytes. */
export const BATCH_RECORDS_MAX = 500_000
/** The records section of one batch after decompression; stops decompression bombs. */
export const DECOMPRESSED_BYTES_MAX = 32 * MIB
/** Refused records that the error of one append names: at 100 bytes each about 100 KB. */
export const RECORD_ERRORS_MAX = 1_000
/** Headers of one record. */
export const RECORD_HEADERS_MAX = 1_000

// -- HTTP --------------------------------------------------------------------------------------

/** One request body, counted while it streams: a fraction of an isolate's 128 MB. */
export const REQUEST_BODY_BYTES_MAX = 16 * MIB
/** Bytes of a body over the limit that are read and discarded, so that its sender receives the response. */
export const REQUEST_DISCARDED_BYTES_MAX = 64 * MIB
/** A JSON body about topics: a name, a number and a few dozen config keys. */
export const ADMIN_BODY_BYTES_MAX = 256 * KIB
/** Nesting depth of a JSON body, without the value of a record: twice what any route needs. */
export const JSON_DEPTH_MAX = 16
/** Names of one object in a JSON body, without the value of a record: far more than the headers of a record. */
export const JSON_NAMES_MAX = 10_000
/** Records of one JSON or NDJSON produce request. */
export const REQUEST_RECORDS_MAX = 100_000
/** Batches of one produce request: each takes a header in memory, and may take a row for its producer. */
export const REQUEST_BATCHES_MAX = 10_000
/** Decompressed bytes of all batches of one produce request: limits the CPU time of checking them. */
export const REQUEST_DECOMPRESSED_BYTES_MAX = 256 * MIB
/** Longest wait of a long poll: below the idle time-outs of common proxies. */
export const WAIT_MS_MAX = 30_000
/** Interval of comments or pings on an idle stream, so that both ends detect a dead peer. */
export const PING_INTERVAL_MS = 15_000

// -- fetch and tail ----------------------------------------------------------------------------

export const FETCH_BYTES_DEFAULT = 1 * MIB
/** One fetch response: half of the RPC limit. A first batch that is larger is returned anyway. */
export const FETCH_BYTES_MAX = 16 * MIB
/** A slice that a session reads ahead for its next fetch; a fetch with a higher limit is not read ahead. */
export const READ_AHEAD_SLICE_BYTES_MAX = 2 * MIB
/** Slices that all sessions of an isolate keep, which has 128 MiB. */
export const READ_AHEAD_BYTES_MAX = 16 * MIB
/** How long a slice is kept for a consumer that pauses. */
export const READ_AHEAD_AGE_MS_MAX = 5_000
/**
 * Decompressed records of a response that is decoded at the edge; the batch
 * that reaches the limit is returned whole.
 */
export const DECODED_BYTES_MAX = FETCH_BYTES_MAX
/** Long polls that one partition holds at a time; each is a timer and a promise. */
export const WAITERS_MAX = 2_000
/** Live tails of one partition; the platform allows 32,768 hibernating sockets. */
export const TAILS_MAX = 10_000
/** Credit in bytes that a tail may have: limits the bytes in transit to a slow reader. */
export const TAIL_CREDIT_BYTES_MAX = 8 * MIB
/** Bytes of one tail frame (a larger batch travels alone): keeps frames far below 32 MiB. */
export const TAIL_FRAME_BYTES_MAX = 256 * KIB
/** Frames and parts for a slow line: each arrives within 7 s on a line of 20 kbit/s and shows that it is alive. */
export const TAIL_FRAME_BYTES_MIN = 16 * KIB
/** Subscriptions on one `/v1/tail` connection. */
export const TAIL_SUBSCRIPTIONS_MAX = 1_000
/** Partitions of one event stream: each event carries a cursor with all of them. */
export const SSE_PARTITIONS_MAX = 64
/** Bytes that each partition may send ahead of the reader of an event stream. */
export const SSE_CREDIT_BYTES = 64 * KIB
/** Characters of events that are collected before they are written; a decompressed batch can be much longer. */
export const SSE_WRITE_LENGTH = 64 * KIB
/** Bytes of one control message on `/v1/tail`. */
export const TAIL_CONTROL_BYTES_MAX = 4 * KIB

/** A JSON body with the maximum number of subscriptions and the longest names. */
export const TAIL_BODY_BYTES_MAX = 1 * MIB
/** Credit of all subscriptions of one `POST /v1/tail` together; each gets at most an even share. */
export const TAIL_STREAM_CREDIT_BYTES_MAX = 4 * MIB
/** Frames queued for the reader of an event stream: above this no further subscription is opened. */
export const TAIL_STREAM_WAITING_BYTES_MAX = 4 * MIB
/** Subscriptions that an event stream opens at a time: each may send a batch of BATCH_BYTES_MAX at once. */
export const TAIL_STREAM_OPENINGS_MAX = 8
/**
 * Frames queued for the readers of all event streams of an isolate. Above this, a stream that has more than an
 * even share ends when it is sent more, so the total is at most twice as much: half of 128 MB.
 */
export const TAIL_STREAM_QUEUED_BYTES_MAX = 32 * MIB
/** Pings that come due while a reader takes nothing: then its stream ends, and its queued frames are dropped. */
export const TAIL_STREAM_STALLED_PINGS_MAX = 2
/** Frames of one long poll response; the frame that reaches the limit is sent whole. */
export const TAIL_POLL_BYTES_MAX = 16 * MIB
/** Ping interval of a waiting long poll: only sending reveals that the client has disconnected. */
export const TAIL_POLL_PING_MS = 3_000
/** How long a long poll with data waits for more: records that are appended together are returned together. */
export const TAIL_POLL_GATHER_MS = 10
/** How long a long poll with data waits for partitions that have not responded yet. */
export const TAIL_POLL_OPEN_MS_MAX = 2_000

/** How long a fetch of many partitions that has data waits for more. */
export const FETCH_GATHER_MS = 5
/**
 * Duration of the first of the long polls with which a fetch waits for many
 * partitions: Kafka's `fetch.max.wait.ms`.
 */
export const FETCH_WAIT_SLICE_MS_MIN = 500
/** Partitions that one fetch waits for at a time, one call each. The next fetch reads new records of the others. */
export const FETCH_WAITS_MAX = 500

/** A row of up to this size is also read if only a small part of it fits into the response. */
export const PARTIAL_CHUNK_BYTES_MAX = 64 * KIB

// -- sessions ----------------------------------------------------------------------------------
// Literals, because the bundler of a page keeps products that the page does not use.

/** Bytes of a session's requests without a response, and of its responses that the client has not consumed. */
export const SESSION_WINDOW_BYTES = 4_194_304
/** Requests of a session without a response: as many appends as share one call. */
export const SESSION_REQUESTS_MAX = 1_000
/** Bytes after which the server sends a mark, whose echo shows what was consumed: a small part of the window. */
export const SESSION_MARK_BYTES = 262_144
/** Bytes of one part of a response: the responses to other requests wait behind at most one part of each call. */
export const SESSION_PART_BYTES = 65_536
/** Partitions that a session names for its appends. */
export const SESSION_REFS_MAX = 1_000
/** Calls of a session that run at a time, without fetches: their responses may be lists of some megabytes. */
export const SESSION_CALLS_MAX = 16
/** Sum of the `maxBytes` of the fetches of a session that run at a time: the largest fetch, and others beside it. */
export const SESSION_FETCH_BYTES_MAX = 33_554_432
/** Characters of the head of a call. */
export const SESSION_HEAD_LENGTH_MAX = 16_384
/** Pings for which a client without credit may echo no mark: 3 minutes; a line of 20 kbit/s takes 2 for a mark. */
export const SESSION_STALLED_PINGS_MAX = 12
/**
 * Bytes that the sessions of an isolate hold together. Above this, a session that holds more than an even share ends
 * when it holds more.
 */
export const SESSIONS_HELD_BYTES_MAX = 50_331_648

// -- partition ---------------------------------------------------------------------------------

/** One chunk, the concatenation of the batches of one commit; a larger batch stands alone. */
export const CHUNK_BYTES_MAX = 1 * MIB
/** Bytes of appends that wait for their commit; above this the partition responds with `throttled`. */
export const PENDING_BYTES_MAX = 24 * MIB
/** Bytes of small appends that share one call to a partition; a larger one is called alone. */
export const JOINED_BYTES_MAX = 1 * MIB
/** Appends that share one call to a partition. */
export const JOINED_APPENDS_MAX = 1_000
/** Turns that a call waits for as many appends as the last one had: a few milliseconds. */
export const GATHER_TURNS_MAX = 3
/** Appends that wait for their commit. */
export const PENDING_APPENDS_MAX = 10_000
/** A buffer for encoding that an isolate keeps between requests; a larger one is dropped after its request. */
export const ENCODE_BUFFER_BYTES_MAX = 64 * KIB
/**
 * Calls that share a commit for which the partition collects others for a millisecond: they take about 0.25 ms each to
 * arrive, as long as the edge needs for one.
 */
export const COMMIT_DELAY_CALLS = 4
/** The longest such wait. It is within the time that a commit takes in production. */
export const COMMIT_DELAY_MS_MAX = 2
/** No wait follows a commit of more bytes. */
export const COMMIT_DELAY_BYTES_MAX = 64 * KIB
/** How long a refused producer has to wait before it retries. */
export const THROTTLE_MS = 200
/** Batches per producer whose results a partition remembers: Kafka's window, and so the in-flight maximum. */
export const PRODUCER_BATCHES_REMEMBERED = 5
/** Transactions that are open in one partition at a time; each is held in memory. */
export const OPEN_TRANSACTIONS_MAX = 10_000
/** Age at which a partition asks the coordinator of an open transaction: its maximum of 15 minutes, and a minute. */
export const OPEN_TRANSACTION_QUESTION_MS = 16 * 60_000
/** Time after the deadline of one that is made in a single call. */
export const ONE_SHOT_QUESTION_MS = 30_000
/** Pause before a coordinator that did not decide is asked again. */
export const QUESTION_RETRY_MS = 60_000
/** Coordinators that one alarm asks, one after the other. */
export const QUESTIONS_MAX = 32
/** Aborted transactions that one fetch lists; the fetch ends earlier if there are more. */
export const ABORTED_TRANSACTIONS_MAX = 10_000
/** Bytes that a tail reads in one turn: batches of aborted transactions use no credit. */
export const TAIL_TURN_BYTES_MAX = 16 * MIB
/** How long a batch that arrived ahead of its predecessor waits for it before it is refused. */
export const SEQUENCE_GAP_WAIT_MS = 250
/** How often one request is trimmed again because other requests of its producer were appended first. */
export const OVERLAP_TRIMS_MAX = 5
/** Bytes and chunks appended between two checkpoints: the most that a wake-up replays. */
export const CHECKPOINT_BYTES = 1 * MIB
export const CHECKPOINT_CHUNKS = 1_000
/** Key, value and headers of one entry of a table; a row holds at most 2 MB. Larger ones are read from the log. */
export const TABLE_ENTRY_BYTES_MAX = 1_900_000
/** Bytes after which a page of a table ends. */
export const TABLE_SCAN_BYTES_MAX = 1 * MIB
export const TABLE_SCAN_ENTRIES_MAX = 1_000
export const TABLE_SCAN_ENTRIES_DEFAULT = 100
/** How long a call waits until the table covers what it wants to read. */
export const TABLE_WAIT_MS_DEFAULT = 5_000
/** How often a value that is too large for the table is looked up again because it was superseded. */
export const TABLE_READ_ATTEMPTS_MAX = 3
/** Bytes appended after which a table follows by alarm, so that its next reader does not wait for long. */
export const TABLE_LAG_BYTES_MAX = 4 * MIB
export const TABLE_LAG_DELAY_MS = 1_000
/** Rows of a table that are written in one turn. */
export const TABLE_ROWS_PER_TURN = 500
/** Time of an alarm for following the log; the next alarm continues. */
export const TABLE_FOLLOW_MS_MAX = 10_000
/** Small chunks that are merged into one row at a time; bounds one sealing turn. */
export const SEAL_CHUNKS_MAX = 2_000
/** Rows that one retention or sealing turn deletes; the rest waits for the next alarm. */
export const MAINTENANCE_ROWS_MAX = 5_000
/** Producers that a partition keeps in memory, in addition to their rows. */
export const CACHED_PRODUCERS_MAX = 4_096
/** Idle time after which a producer's state is deleted: an offline browser may return within it. */
export const PRODUCER_EXPIRATION_MS = 30 * 24 * 60 * 60 * 1_000

// -- restore -------------------------------------------------------------------------------------

/** Offsets without a record behind the batches of a restore: one batch without records covers them. */
export const RESTORE_HOLE_MAX = 2_147_483_648

/** Delay from a checkpoint to the merge of its small chunks, so that one alarm seals a burst. */
export const SEAL_DELAY_MS = 2_000
/** Kafka's `log.retention.check.interval.ms`: shortest interval between two deletions by age. */
export const RETENTION_CHECK_INTERVAL_MS_DEFAULT = 300_000
/**
 * Delay of a deletion by size: not at each append that makes a log too large,
 * but soon, since an object holds 10 GB.
 */
export const RETENTION_SIZE_DELAY_MS = 1_000
/** An alarm that is overdue by this much is treated as lost. */
export const ALARM_LATE_MS_MAX = 300_000
/** The platform accepts no alarm after 2189, and `retention.ms` may be unlimited: then check once a year. */
export const ALARM_AHEAD_MS_MAX = 365 * 24 * 60 * 60 * 1_000
/** Turns of one step of an alarm; the next alarm does the rest. */
export const MAINTENANCE_TURNS_MAX = 64
/** Turns over the producers in one alarm: each reads the whole table. */
export const PRODUCER_TURNS_MAX = 1

// -- remote storage ----------------------------------------------------------------------------

/** Chunks of one object in R2, held in memory while it is written. Kafka's segment, if `segment.bytes` is larger. */
export const REMOTE_OBJECT_BYTES_MAX = 16 * MIB
/** Chunks of one object: each is an entry of its footer. */
export const REMOTE_OBJECT_CHUNKS_MAX = 1_000
/** Aborted transactions of one object, unless it is a single chunk: each is an entry of its footer. */
export const REMOTE_OBJECT_ABORTED_MAX = 20_000
/** A footer with the maximum of chunks, and more aborted transactions than one chunk can have. */
export const REMOTE_FOOTER_BYTES_MAX = 4 * MIB
/** Objects that all partitions of an isolate write at a time: each is in memory, and R2 may copy it once. */
export const REMOTE_COPIES_MAX = 1
/** Pause of a partition that has to wait for another one of its isolate. */
export const REMOTE_COPY_BUSY_MS = 500
/** Objects that one alarm writes; the next alarm goes on, after the other work of the partition. */
export const REMOTE_COPIES_PER_ALARM = 16
/** Segments that one alarm takes out of the partition: each is a call of R2, and deletes some dozen rows. */
export const REMOTE_EVICTIONS_PER_ALARM = 64
/** Objects that one call of R2 deletes: the platform's maximum. */
export const REMOTE_DELETES_MAX = 1_000
/** Time limit of one call of R2 by a partition or the edge. */
export const REMOTE_CALL_MS_MAX = 30_000
/** How long after its start a call that writes an object may still take effect, though its response never came. */
export const REMOTE_IN_DOUBT_MS = 120_000
/** Pause after a call of R2 that failed; it doubles from the minimum to the maximum. */
export const REMOTE_RETRY_MS_MIN = 1_000
export const REMOTE_RETRY_MS_MAX = 300_000
/** Segments of one response of a partition: about 1 GB of records. */
export const REMOTE_RANGE_SEGMENTS_MAX = 64
/** How long an edge uses such a response: deleted records are returned for as long. */
export const REMOTE_RANGE_AGE_MS = 30_000
/** Partitions whose segments an isolate keeps, at up to 20 KB each. */
export const REMOTE_RANGES_MAX = 200
/** Bytes of footers and of chunks that an isolate keeps, which has 128 MiB. */
export const REMOTE_FOOTERS_BYTES_MAX = 8 * MIB
export const REMOTE_CHUNKS_BYTES_MAX = 16 * MIB
/** Bytes of the chunks that one call of R2 reads, if the first is not larger. */
export const REMOTE_READ_BYTES_MAX = 4 * MIB
/** Segments of one page of a check of a partition's objects: each is some calls of R2. */
export const REMOTE_VERIFY_SEGMENTS_MAX = 200
/** Segments of such a page if all records are read: 256 MB, one object after the other. */
export const REMOTE_VERIFY_DATA_SEGMENTS_MAX = 16
/** Objects that one call makes part of a log again: each is three calls of R2, of the 10,000 of a request. */
export const REMOTE_ADOPT_SEGMENTS_MAX = 1_000
/** Holes between the objects of a partition that one call returns. */
export const REMOTE_HOLES_MAX = 1_000
/** Objects that one call of R2 lists. */
export const REMOTE_LIST_OBJECTS_MAX = 1_000
/** Calls that list the objects of one partition, 1,000 each: 3 TB. */
export const REMOTE_LIST_CALLS_MAX = 200

// -- consumer groups ---------------------------------------------------------------------------

/** Characters of a group id, a member id, an instance id or a client id; Kafka's own are far shorter. */
export const GROUP_ID_LENGTH_MAX = 255
/** Groups of one cluster: each is a row of the coordinator and a Durable Object. */
export const GROUPS_MAX = 10_000
/** New groups that may be created at once, and how many per minute after that: stops a client in a faulty loop. */
export const GROUP_CREATIONS_BURST = 500
export const GROUP_CREATIONS_PER_MINUTE = 300
/** Groups on one page of the list; each is a call, and the platform's free plan allows 50 per request. */
export const GROUP_PAGE_DEFAULT = 40
export const GROUP_PAGE_MAX = 100
/** Members of one group: at one heartbeat each 5 s they take a tenth of the capacity of one object. */
export const GROUP_MEMBERS_MAX = 2_000
/** Topics in the subscription of one member. */
export const GROUP_TOPICS_MAX = 1_000
/** Different topics in the subscriptions of one group, also topics that do not exist yet: one row holds them all. */
export const GROUP_TOPIC_NAMES_MAX = TOPICS_MAX
/** Partitions that one group may share: limits a new assignment to some milliseconds. */
export const GROUP_PARTITIONS_MAX = 20_000
/** Member visits while an assignor evens out a group with mixed subscriptions: limits it to some tenths of a second. */
export const ASSIGNOR_STEPS_MAX = 50_000_000
/** Characters of a topic pattern. */
export const TOPIC_PATTERN_LENGTH_MAX = 500
/** States of a compiled pattern: matching a topic name takes at most as many steps per character. */
export const TOPIC_PATTERN_STATES_MAX = 500
/** Different patterns in one group: each is matched against all topics. */
export const GROUP_PATTERNS_MAX = 16
/** Nested groups in a pattern: limits the stack of its parser. */
export const TOPIC_PATTERN_DEPTH_MAX = 100
/**
 * Approximate memory of the groups in one response that describes them: a quarter of an isolate's 128 MB, and
 * less on the wire. Clients request the groups that did not fit again.
 */
export const DESCRIBED_GROUPS_BYTES_MAX = 32 * MIB
/** If the room left per group is smaller, no further groups of unknown size are described: one member takes more. */
export const DESCRIBED_GROUP_SHARE_BYTES_MIN = 2_048
/** Time without a heartbeat after which a member is removed: Kafka's `group.consumer.session.timeout.ms`. */
export const SESSION_TIMEOUT_MS_DEFAULT = 45_000
export const SESSION_TIMEOUT_MS_MIN = 1_000
/** Kafka's `group.max.session.timeout.ms`; also the longest time a member has to revoke partitions. */
export const SESSION_TIMEOUT_MS_MAX = 30 * 60 * 1_000
/** How long a member may take to revoke partitions: Kafka's `max.poll.interval.ms`. */
export const REBALANCE_TIMEOUT_MS_DEFAULT = 300_000
/** Kafka's `group.consumer.heartbeat.interval.ms`; half of the idle time after which an object hibernates. */
export const HEARTBEAT_INTERVAL_MS = 5_000
/** Limits of the group configs that replace these defaults: Kafka's `group.consumer.{min,max}.*`. */
export const CONSUMER_SESSION_TIMEOUT_MS_MIN = 45_000
export const CONSUMER_SESSION_TIMEOUT_MS_MAX = 60_000
export const CONSUMER_HEARTBEAT_INTERVAL_MS_MIN = 5_000
export const CONSUMER_HEARTBEAT_INTERVAL_MS_MAX = 15_000
export const CONSUMER_ASSIGNMENT_INTERVAL_MS_MIN = 0
export const CONSUMER_ASSIGNMENT_INTERVAL_MS_MAX = 15_000
/** Heartbeats that fit into a member's session. */
export const HEARTBEATS_PER_SESSION = 5
/** Heartbeat interval of a member that waits for partitions; it is longer in a large group. */
export const REBALANCE_HEARTBEAT_INTERVAL_MS_MIN = 250
/**
 * Added to that interval per member: 1,000 heartbeats/s for any number of
 * members, a quarter of an object's capacity.
 */
export const REBALANCE_HEARTBEAT_INTERVAL_MS_PER_MEMBER = 1
/** Time between two assignments, per member, up to the maximum: limits the assignments when a thousand members join. */
export const ASSIGNMENT_INTERVAL_MS_PER_MEMBER = 5
export const ASSIGNMENT_INTERVAL_MS_MAX = 1_000
/** How long a group relies on its topic metadata before it requests it again; changes are also pushed to it. */
export const GROUP_METADATA_MAX_AGE_MS = 300_000
/** How long a group with neither members nor offsets is kept. */
export const EMPTY_GROUP_KEPT_MS = 10 * 60 * 1_000
/** Kafka's `offsets.retention.minutes`, counted from when the group became empty. */
export const OFFSETS_RETENTION_MINUTES_DEFAULT = 7 * 24 * 60
/** Alarm interval of a group whose members send heartbeats: the heartbeats already detect dead members. */
export const GROUP_WATCH_INTERVAL_MS = 24 * 60 * 60 * 1_000
/** How long an alarm waits for heartbeats of members after the object woke up; the platform's limit is 15 min. */
export const ROLL_CALL_MS_MAX = 10 * 60 * 1_000
/** Delay with which an overdue alarm is set again. */
export const OVERDUE_ALARM_MS = 1_000
/** Delay with which a failed alarm is retried. */
export const GROUP_ALARM_RETRY_MS = 60_000
/** Characters of subscriptions whose resolved topics a group caches; above this the cache is cleared. */
export const RESOLVED_SUBSCRIPTIONS_LENGTH_MAX = 4 * MIB
/** Steps that matching one pattern against all topics may take: a fifth of a second. */
export const TOPIC_PATTERN_STEPS_MAX = 10_000_000
/** Kafka's `offset.metadata.max.bytes`. */
export const OFFSET_METADATA_BYTES_MAX = 4_096
/** Partitions of one commit. */
export const COMMIT_OFFSETS_MAX = 10_000
/** Partitions with a committed offset in one group: their list fits one RPC result. */
export const COMMITTED_OFFSETS_MAX = 100_000
/** Offsets that wait for their commit; above this the group responds with `throttled`. */
export const PENDING_COMMITS_MAX = 50_000
/** Producers of one group that may have offsets in open transactions: all are in memory. */
export const PENDING_PRODUCERS_MAX = 1_000
/** Offsets of one transaction in one group, some thousands: they are one row. */
export const PENDING_OFFSETS_BYTES_MAX = MIB
/** Offsets of all open transactions of one group: an eighth of an object's memory. */
export const PENDING_OFFSETS_TOTAL_BYTES_MAX = 16 * MIB
/** How long a group recognizes late messages of the last transaction of a producer: as long as its id is kept. */
export const ENDED_PRODUCER_KEPT_MS = 7 * 24 * 60 * 60 * 1_000
/** Such producers of one group; the oldest ones are forgotten first. */
export const ENDED_PRODUCERS_MAX = 10_000
/** Protocols and assignment of one member of the classic protocol, together: one row holds them. */
export const CLASSIC_METADATA_BYTES_MAX = 512 * KIB
/** Protocols of all members of one group: its leader receives them in one RPC result. */
export const CLASSIC_GROUP_BYTES_MAX = 16 * MIB
/** Protocols one member of the classic protocol may offer. */
export const CLASSIC_PROTOCOLS_MAX = 100
/** Kafka's `group.initial.rebalance.delay.ms`: lets members that start together join one generation. */
export const INITIAL_REBALANCE_DELAY_MS = 300
/** How long the join of a new member is held: Kafka's limit. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1_000
/** A JSON body about groups: a commit of all its offsets with some metadata. */
export const GROUP_BODY_BYTES_MAX = 2 * MIB

// -- transactions ------------------------------------------------------------------------------

/** Characters of a transactional id, and of the id of a transaction that is made in one call. */
export const TRANSACTIONAL_ID_LENGTH_MAX = 255
/** Transactional ids of one cluster: each is a row of the coordinator and a Durable Object. */
export const TRANSACTIONAL_IDS_MAX = 10_000
/** New transactional ids that may be created at once, and how many per minute after that. */
export const TRANSACTIONAL_ID_CREATIONS_BURST = 500
export const TRANSACTIONAL_ID_CREATIONS_PER_MINUTE = 300
/** Numbers of open transactions that an edge caches, one for each partition and group of a transaction. */
export const TRANSACTION_NUMBERS_MAX = 10_000
/** Transactional ids whose state one list reads, one call each: the platform allows 10,000 calls per request. */
export const LISTED_TRANSACTIONS_MAX = 1_000
/** Producers that one response describes; its partitions share them. */
export const DESCRIBED_PRODUCERS_MAX = 10_000
/** Kafka's `transaction.max.timeout.ms`. */
export const TRANSACTION_TIMEOUT_MS_MAX = 15 * 60 * 1_000
/** Kafka's default of the producer's `transaction.timeout.ms`. */
export const TRANSACTION_TIMEOUT_MS_DEFAULT = 60_000
/** Kafka's `transactional.id.expiration.ms`. */
export const TRANSACTIONAL_ID_EXPIRATION_MS = 7 * 24 * 60 * 60 * 1_000
/** Partitions of one transaction: each gets a marker; with the longest names they fit one row. */
export const TRANSACTION_PARTITIONS_MAX = 2_000
/** Groups of one transaction. */
export const TRANSACTION_GROUPS_MAX = 100
/** Number of the last transaction of a producer id: markers carry it as an int32, and Kafka reserves its largest. */
export const TRANSACTION_NUMBER_MAX = 2 ** 31 - 2
/** The last epoch that a producer gets: Kafka reserves 32767 for fencing it. */
export const PRODUCER_EPOCH_MAX = 32_766
/** Concurrent calls of a transaction coordinator to participants: each has a commit of its own. */
export const MARKERS_FANOUT_MAX = 32
/** How long a participant may take to end a transaction before it is called again. */
export const MARKER_TIMEOUT_MS = 10_000
/** Pause before participants that failed are called again; it doubles from the minimum to the maximum. */
export const MARKERS_RETRY_MS_MIN = 100
export const MARKERS_RETRY_MS_MAX = 30_000
/** Delay with which an entry of the list of transactional ids is removed that may have been left by a lost response. */
export const ID_REGISTRATION_RETRY_MS = 60_000
/** How long a call waits for the end of the transaction that was decided: longer than the markers usually take. */
export const TRANSACTION_END_WAIT_MS = 100
/** Delay of the alarm that continues after a decision; calls also continue it, so few alarms are set. */
export const TRANSACTION_ALARM_MS = 2_000
/** Objects that share the transactions that are made in one call. */
export const ONE_SHOT_OBJECTS = 64
/** Longest time until the deadline of such a transaction: 10 s, and a difference between two clocks. */
export const ONE_SHOT_DEADLINE_MS_MAX = 15_000
/** Time from the call to its deadline: its appends, with the pauses of a busy partition. */
export const ONE_SHOT_DEADLINE_MS = 10_000
/** How long its result is kept for repeats. */
export const ONE_SHOT_KEPT_MS = 24 * 60 * 60 * 1_000
/** Interval in which results that are too old are deleted: each time reads all rows. */
export const ONE_SHOT_EXPIRY_INTERVAL_MS = 60 * 60 * 1_000
/** Partitions and groups of one such transaction. */
export const ONE_SHOT_PARTICIPANTS_MAX = 64
/** Results that one object keeps: all are read when it wakes up. */
export const ONE_SHOT_ROWS_MAX = 100_000
/** Transactions of one object that have not ended, at a time: each is in memory. */
export const ONE_SHOT_OPEN_MAX = 1_000
/** Characters of the hash of a body. */
export const ONE_SHOT_HASH_LENGTH_MAX = 128

// -- Kafka's protocol ----------------------------------------------------------------------------

/** Elements of all arrays of one message: each may become an object many times larger than its bytes. */
export const KAFKA_ARRAY_ELEMENTS_MAX = 100_000
/** Frames of one `POST /kafka`: limits the duration of a request with many tiny frames. */
export const KAFKA_FRAMES_MAX = 1_000
/** Bytes that a session may hold in each direction before a peer that does not consume them is waited for. */
export const KAFKA_SESSION_WINDOW_BYTES = 4_194_304
/** Bytes after which a peer is told what was consumed: a small part of the window. */
export const KAFKA_SESSION_NOTICE_BYTES = 256 * KIB
/** Bytes of responses that are held for the Kafka clients of an isolate, before further ones get less. */
export const KAFKA_RESPONSES_BYTES_MAX = 256 * MIB
/** Records of a response that are sent even then, as long as they exist: Kafka's `max.partition.fetch.bytes`. */
export const KAFKA_RESPONSE_BYTES_MIN = 1 * MIB
/** Frames of a session that are served at once: appends whose responses are not sent yet. */
export const KAFKA_SESSION_FRAMES_MAX = 1_000
/**
 * Calls to objects after which a session asks its peer for a new one: the platform allows 10,000 calls for each
 * request, and a WebSocket is one request.
 */
export const KAFKA_SESSION_CALLS_MAX_DEFAULT = 5_000
/** Groups whose state one ListGroups reads, one call each: the platform allows 10,000 calls per request. */
export const KAFKA_GROUP_SUMMARIES_MAX = 1_000
/** A body of frames from an unauthenticated client: the frames that carry a token are tiny. */
export const KAFKA_UNAUTHORIZED_BYTES_MAX = 64 * KIB
/** Topics, groups or resources that one request describes or changes: each is one or two calls. */
export const KAFKA_NAMES_MAX = TOPICS_MAX
/** Partitions of one Metadata response: 8 MB of it. Clients request the topics that did not fit again. */
export const KAFKA_METADATA_PARTITIONS_MAX = 200_000
/** Entities with client quotas: their list fits one RPC result. */
export const CLIENT_QUOTAS_MAX = 10_000
/** Characters of the name of such an entity. */
export const CLIENT_QUOTA_NAME_LENGTH_MAX = 255
/** Partitions whose size one DescribeLogDirs reads, one call each. */
export const KAFKA_PARTITION_SIZES_MAX = 2_000
/** Partitions of one page of topics: Kafka's `max.request.partition.size.limit`. */
export const KAFKA_DESCRIBED_PARTITIONS_MAX = 2_000
/** Refused records that one Produce response names; each takes about 100 bytes. */
export const KAFKA_RECORD_ERRORS_MAX = 10_000
/** Characters of an error message: a refused name may be as long as Kafka's strings. */
export const KAFKA_ERROR_MESSAGE_LENGTH_MAX = 1_000

// -- edge ---------------------------------------------------------------------------------------

export const METADATA_TTL_MS = 30_000
/** How long other requests use stale metadata while one request refreshes it. */
export const METADATA_RETRY_MS = 1_000
export const METADATA_TOPICS_MAX = 2_000
/** Shortest interval between two reports of one cause. */
export const EVENT_INTERVAL_MS = 10_000
/** Causes that are remembered for this interval, and the characters stored of each. */
export const EVENT_CAUSES_MAX = 100
export const EVENT_CAUSE_CHARS_MAX = 300
/** Longest text in a log line: a stack fits, and a line stays far below the platform's 256 KB of log per request. */
export const EVENT_TEXT_CHARS_MAX = 4_000
/** Concurrent calls of one request to its partitions or groups. */
export const EDGE_FANOUT_MAX = 50
/** Partitions whose log bounds an isolate caches, at about 100 bytes each. */
export const KNOWN_BOUNDS_MAX = 20_000
/** How long a cached log start is used. */
export const KNOWN_BOUNDS_AGE_MS = 60_000
/** How long a log start is used for cached chunks: deleted records are returned for no longer. */
export const KNOWN_LOG_START_AGE_MS = 30_000
/** How long the edge's cache keeps a sealed chunk; it drops those that nobody reads earlier. */
export const SEALED_CACHE_S = 86_400
/** How long all caches keep a chunk that compaction may rewrite. */
export const COMPACTED_CACHE_S = 60
/** Look-ups of topics that an isolate makes in an interval for callers without a token: ids can be guessed at will. */
export const PUBLIC_LOOK_UPS_MAX = 100
export const PUBLIC_LOOK_UPS_INTERVAL_MS = 10_000
/** How long a catalog of SQL that was the latest is used by pull queries without asking again. */
export const CATALOG_FRESH_MS = 1_000
