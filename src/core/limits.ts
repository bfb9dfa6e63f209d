/** Every cap of edgelog, with its unit and its reason. Nothing else in the tree invents a bound. */

const KIB = 1024
const MIB = 1024 * KIB

// -- topics ------------------------------------------------------------------------------------

/** Characters of a topic name: Kafka's own bound. */
export const TOPIC_NAME_LENGTH_MAX = 249
/** Partitions of one topic: each is one Durable Object that creation and change must call. */
export const PARTITIONS_MAX = 1_000
/** Topics of one cluster: with the largest configs their list still fits an RPC answer of 32 MiB. */
export const TOPICS_MAX = 5_000
/** Calls the coordinator makes to partitions at a time. */
export const COORDINATOR_FANOUT_MAX = 32
/** Pause before the coordinator tries again to reach partitions: doubling from the one to the other. */
export const RECONCILE_RETRY_MS_MIN = 1_000
export const RECONCILE_RETRY_MS_MAX = 60_000
/** UTF-8 bytes of one config value. */
export const CONFIG_VALUE_BYTES_MAX = 1 * KIB

// -- records and batches -----------------------------------------------------------------------

/** Offsets are doubles inside: SQL integers are read back as doubles by workerd. */
export const OFFSET_MAX = Number.MAX_SAFE_INTEGER
/** One batch, header included. A row holds at most 2 MB in production and a batch is never split. */
export const BATCH_BYTES_MAX = 1_990_000
/** Records of one batch: keeps what a decoder allocates in proportion to a batch's bytes. */
export const BATCH_RECORDS_MAX = 500_000
/** The records section of one batch after decompression: a bomb stops here. */
export const DECOMPRESSED_BYTES_MAX = 32 * MIB
/** Refused records of one append that its error names: with 100 bytes each about 100 KB. */
export const RECORD_ERRORS_MAX = 1_000
/** Headers of one record. */
export const RECORD_HEADERS_MAX = 1_000

// -- HTTP --------------------------------------------------------------------------------------

/** One request body, counted while it streams: a fraction of an isolate's 128 MB. */
export const REQUEST_BODY_BYTES_MAX = 16 * MIB
/** How much of a body that is too long is read on, so that its sender sees the answer. */
export const REQUEST_DISCARDED_BYTES_MAX = 64 * MIB
/** A JSON body about topics: a name, a number and a few dozen config keys. */
export const ADMIN_BODY_BYTES_MAX = 256 * KIB
/** Levels of objects and lists in a JSON body, but for the value of a record: twice what any route has. */
export const JSON_DEPTH_MAX = 16
/** Names of one object in a JSON body, but for the value of a record: far more than headers of a record. */
export const JSON_NAMES_MAX = 10_000
/** Records of one JSON or NDJSON produce request. */
export const REQUEST_RECORDS_MAX = 100_000
/** Batches of one produce request: each costs a header in memory, and may cost a producer's row. */
export const REQUEST_BATCHES_MAX = 10_000
/** What the batches of one produce request may decompress to: the CPU time of checking them stops here. */
export const REQUEST_DECOMPRESSED_BYTES_MAX = 256 * MIB
/** How long a long poll may be held: below the idle timeouts of common proxies. */
export const WAIT_MS_MAX = 30_000
/** Comment or ping on a silent stream, so that both ends notice a dead peer. */
export const PING_INTERVAL_MS = 15_000

// -- fetch and tail ----------------------------------------------------------------------------

export const FETCH_BYTES_DEFAULT = 1 * MIB
/** One fetch answer: half of what RPC may carry. A first batch that is larger is returned anyway. */
export const FETCH_BYTES_MAX = 16 * MIB
/** Records of an answer that is decoded at the edge, decompressed; the batch that reaches it comes whole. */
export const DECODED_BYTES_MAX = FETCH_BYTES_MAX
/** Long polls that one partition holds at a time; each is a timer and a promise. */
export const WAITERS_MAX = 2_000
/** Live tails of one partition; the platform allows 32,768 hibernating sockets. */
export const TAILS_MAX = 10_000
/** Bytes a tail may be granted ahead: bounds what is under way to a slow reader. */
export const TAIL_CREDIT_BYTES_MAX = 8 * MIB
/** Bytes of one tail frame (a larger batch travels alone): keeps frames far below 32 MiB. */
export const TAIL_FRAME_BYTES_MAX = 256 * KIB
/** Frames, parts and pieces for a slow line: each shows within 7 s that a line of 20 kbit/s lives. */
export const TAIL_FRAME_BYTES_MIN = 16 * KIB
/** Subscriptions on one `/v1/tail` connection. */
export const TAIL_SUBSCRIPTIONS_MAX = 1_000
/** Partitions of one event stream: each event carries a cursor over all of them. */
export const SSE_PARTITIONS_MAX = 64
/** Bytes each partition may be ahead of the reader of an event stream. */
export const SSE_CREDIT_BYTES = 64 * KIB
/** Characters of events that are collected before they are written: not all that a batch decompresses to. */
export const SSE_WRITE_LENGTH = 64 * KIB
/** Bytes of one control message on `/v1/tail`. */
export const TAIL_CONTROL_BYTES_MAX = 4 * KIB

/** A JSON body that names as many subscriptions as there may be, with the longest names. */
export const TAIL_BODY_BYTES_MAX = 1 * MIB
/** Credit that the subscriptions of one `POST /v1/tail` have together; each gets its share at most. */
export const TAIL_STREAM_CREDIT_BYTES_MAX = 4 * MIB
/** Frames that wait for the reader of an event stream: beyond it no further subscription is opened. */
export const TAIL_STREAM_WAITING_BYTES_MAX = 4 * MIB
/** Subscriptions an event stream opens at a time: each may send a batch of BATCH_BYTES_MAX at once. */
export const TAIL_STREAM_OPENINGS_MAX = 8
/**
 * Frames that wait for the readers of all event streams of an isolate. Beyond it those streams end that
 * have more than an even share and are sent more, so that it is at most twice as much: half of 128 MB.
 */
export const TAIL_STREAM_QUEUED_BYTES_MAX = 32 * MIB
/** Pings that come due while a reader takes nothing: then its stream ends, and what waits for it goes. */
export const TAIL_STREAM_STALLED_PINGS_MAX = 2
/** Frames of one answer of a long poll; the frame that reaches it comes whole. */
export const TAIL_POLL_BYTES_MAX = 16 * MIB
/** Ping in the answer of a long poll that waits: that its reader is gone shows only when it is sent something. */
export const TAIL_POLL_PING_MS = 3_000
/** How long a long poll that has something waits for more: what is appended together comes together. */
export const TAIL_POLL_GATHER_MS = 10
/** How long a long poll that has something waits for partitions that have not answered yet. */
export const TAIL_POLL_OPEN_MS_MAX = 2_000

/** How long a fetch of many partitions that has something waits for more. */
export const FETCH_GATHER_MS = 5
/** The first of the long polls by which a fetch waits for many partitions: Kafka's `fetch.max.wait.ms`. */
export const FETCH_WAIT_SLICE_MS_MIN = 500
/** Partitions that one fetch waits for at a time: each is a call. What comes to others the next one reads. */
export const FETCH_WAITS_MAX = 500

/** A row of up to this size is read also where only a little of it fits into an answer. */
export const PARTIAL_CHUNK_BYTES_MAX = 64 * KIB

// -- partition ---------------------------------------------------------------------------------

/** One chunk, the concatenation of the batches of one commit; a larger batch stands alone. */
export const CHUNK_BYTES_MAX = 1 * MIB
/** Bytes of appends that wait for their commit; beyond it the partition answers `throttled`. */
export const PENDING_BYTES_MAX = 24 * MIB
/** Appends that wait for their commit. */
export const PENDING_APPENDS_MAX = 10_000
/** How long a refused producer is asked to stay away. */
export const THROTTLE_MS = 200
/** Batches whose answers a partition remembers per producer: Kafka's window, and so in-flight max. */
export const PRODUCER_BATCHES_REMEMBERED = 5
/** How long a batch that arrived ahead of its predecessor waits for it before it is refused. */
export const SEQUENCE_GAP_WAIT_MS = 250
/** How often one request is cut anew because others of its producer got ahead of it meanwhile. */
export const OVERLAP_TRIMS_MAX = 5
/** Bytes and chunks appended between two checkpoints: what a wake-up replays at most. */
export const CHECKPOINT_BYTES = 1 * MIB
export const CHECKPOINT_CHUNKS = 1_000
/** Small chunks that are merged into one row at a time; bounds one sealing turn. */
export const SEAL_CHUNKS_MAX = 2_000
/** Rows one retention or sealing turn deletes; the rest waits for the next alarm. */
export const MAINTENANCE_ROWS_MAX = 5_000
/** Producers a partition keeps in memory besides their rows. */
export const CACHED_PRODUCERS_MAX = 4_096
/** Silence after which a producer's state is forgotten: an offline browser may return within it. */
export const PRODUCER_EXPIRATION_MS = 30 * 24 * 60 * 60 * 1_000

/** How long after a checkpoint its small chunks are merged: a burst is sealed by one alarm. */
export const SEAL_DELAY_MS = 2_000
/** Kafka's `log.retention.check.interval.ms`: records are deleted by age at most so often. */
export const RETENTION_CHECK_INTERVAL_MS_DEFAULT = 300_000
/** Not at each append that makes a log too large. Soon all the same: an object holds 10 GB. */
export const RETENTION_SIZE_DELAY_MS = 1_000
/** An alarm that is due for so long was lost. */
export const ALARM_LATE_MS_MAX = 300_000
/** The platform takes no alarm after 2189, and `retention.ms` may be for ever: then look once a year. */
export const ALARM_AHEAD_MS_MAX = 365 * 24 * 60 * 60 * 1_000
/** Turns of one step of an alarm; what is left is done by the next. */
export const MAINTENANCE_TURNS_MAX = 64
/** Each reads the whole table of producers. */
export const PRODUCER_TURNS_MAX = 1

// -- consumer groups ---------------------------------------------------------------------------

/** Characters of a group id, a member id, an instance id or a client id; Kafka's own are far shorter. */
export const GROUP_ID_LENGTH_MAX = 255
/** Groups of one cluster: each is a row of the coordinator and a Durable Object. */
export const GROUPS_MAX = 10_000
/** New groups that may come at once, and how many a minute may follow: a loop gone wrong stops here. */
export const GROUP_CREATIONS_BURST = 500
export const GROUP_CREATIONS_PER_MINUTE = 300
/** Groups of one page of the list; each is a call, and the platform's free plan allows 50 a request. */
export const GROUP_PAGE_DEFAULT = 40
export const GROUP_PAGE_MAX = 100
/** Members of one group: at a heartbeat each 5 s they take a tenth of what one object carries. */
export const GROUP_MEMBERS_MAX = 2_000
/** Topics that one member may name. */
export const GROUP_TOPICS_MAX = 1_000
/** Different topics that the members of one group may name, those yet to come among them: one row tells them all. */
export const GROUP_TOPIC_NAMES_MAX = TOPICS_MAX
/** Partitions that one group may share: bounds a new assignment to some milliseconds. */
export const GROUP_PARTITIONS_MAX = 20_000
/** Looks at a member while a group of differing subscriptions is evened out: some tenths of a second. */
export const ASSIGNOR_STEPS_MAX = 50_000_000
/** Characters of a topic pattern. */
export const TOPIC_PATTERN_LENGTH_MAX = 500
/** States of a compiled pattern: matching one topic name takes at most so many steps a character. */
export const TOPIC_PATTERN_STATES_MAX = 500
/** Different patterns in one group: each is held against all topics. */
export const GROUP_PATTERNS_MAX = 16
/** Groups within groups of a pattern: keeps the stack of its parser small. */
export const TOPIC_PATTERN_DEPTH_MAX = 100
/**
 * What the groups of one answer that describes them take in memory, roughly: a quarter of an isolate's
 * 128 MB, and less on the wire. Clients ask anew for groups that it has no room for.
 */
export const DESCRIBED_GROUPS_BYTES_MAX = 32 * MIB
/** With less than that for each no more groups are asked that nothing is known of: one member takes more. */
export const DESCRIBED_GROUP_SHARE_BYTES_MIN = 2_048
/** Silence after which a member is taken for dead: Kafka's `group.consumer.session.timeout.ms`. */
export const SESSION_TIMEOUT_MS_DEFAULT = 45_000
export const SESSION_TIMEOUT_MS_MIN = 1_000
/** Kafka's `group.max.session.timeout.ms`; as long is given to who does not revoke. */
export const SESSION_TIMEOUT_MS_MAX = 30 * 60 * 1_000
/** How long a member may take to give up partitions: Kafka's `max.poll.interval.ms`. */
export const REBALANCE_TIMEOUT_MS_DEFAULT = 300_000
/** Kafka's `group.consumer.heartbeat.interval.ms`; half of the silence that makes an object hibernate. */
export const HEARTBEAT_INTERVAL_MS = 5_000
/** Bounds of the configs that a group may have instead of these defaults: Kafka's `group.consumer.{min,max}.*`. */
export const CONSUMER_SESSION_TIMEOUT_MS_MIN = 45_000
export const CONSUMER_SESSION_TIMEOUT_MS_MAX = 60_000
export const CONSUMER_HEARTBEAT_INTERVAL_MS_MIN = 5_000
export const CONSUMER_HEARTBEAT_INTERVAL_MS_MAX = 15_000
export const CONSUMER_ASSIGNMENT_INTERVAL_MS_MIN = 0
export const CONSUMER_ASSIGNMENT_INTERVAL_MS_MAX = 15_000
/** Heartbeats of a member that fit into its session. */
export const HEARTBEATS_PER_SESSION = 5
/** A member that waits for its partitions asks this often, and less often in a large group. */
export const REBALANCE_HEARTBEAT_INTERVAL_MS_MIN = 250
/** What a member adds to that interval: 1,000 heartbeats/s however many wait, a quarter of what an object carries. */
export const REBALANCE_HEARTBEAT_INTERVAL_MS_PER_MEMBER = 1
/** New assignments are this far apart, per member, up to the bound: a thousand joins are not a thousand of them. */
export const ASSIGNMENT_INTERVAL_MS_PER_MEMBER = 5
export const ASSIGNMENT_INTERVAL_MS_MAX = 1_000
/** How long a group may live without asking what became of its topics; it is told of changes besides. */
export const GROUP_METADATA_MAX_AGE_MS = 300_000
/** How long a group that has neither members nor offsets is kept. */
export const EMPTY_GROUP_KEPT_MS = 10 * 60 * 1_000
/** Kafka's `offsets.retention.minutes`, counted from when the group became empty. */
export const OFFSETS_RETENTION_MINUTES_DEFAULT = 7 * 24 * 60
/** Looks after a group whose members are heard: their own heartbeats find out who is silent. */
export const GROUP_WATCH_INTERVAL_MS = 24 * 60 * 60 * 1_000
/** How long an alarm waits for members that were not heard since the object woke up: platform's bound is 15 min. */
export const ROLL_CALL_MS_MAX = 10 * 60 * 1_000
/** Pause before an alarm that should have rung is set anew. */
export const OVERDUE_ALARM_MS = 1_000
/** Pause before an alarm that met a failure comes back. */
export const GROUP_ALARM_RETRY_MS = 60_000
/** Characters of the subscriptions that a group keeps the topics of; then it works them out anew. */
export const RESOLVED_SUBSCRIPTIONS_LENGTH_MAX = 4 * MIB
/** Steps that matching one pattern against all topics may take: a fifth of a second. */
export const TOPIC_PATTERN_STEPS_MAX = 10_000_000
/** Kafka's `offset.metadata.max.bytes`. */
export const OFFSET_METADATA_BYTES_MAX = 4_096
/** Partitions of one commit. */
export const COMMIT_OFFSETS_MAX = 10_000
/** Partitions with a committed offset in one group: their list fits one RPC answer. */
export const COMMITTED_OFFSETS_MAX = 100_000
/** Offsets that wait for their commit; beyond it the group answers `throttled`. */
export const PENDING_COMMITS_MAX = 50_000
/** Protocols and assignment of one member of the classic protocol, together: its row holds them. */
export const CLASSIC_METADATA_BYTES_MAX = 512 * KIB
/** Protocols of all members of one group: its leader is sent them in one RPC answer. */
export const CLASSIC_GROUP_BYTES_MAX = 16 * MIB
/** Protocols one member of the classic protocol may offer. */
export const CLASSIC_PROTOCOLS_MAX = 100
/** Kafka's `group.initial.rebalance.delay.ms`: who starts together joins together. */
export const INITIAL_REBALANCE_DELAY_MS = 300
/** How long the join of a member that was not there before is held: Kafka's bound. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1_000
/** A JSON body about groups: a commit of all its offsets with some metadata. */
export const GROUP_BODY_BYTES_MAX = 2 * MIB

// -- Kafka's protocol ----------------------------------------------------------------------------

/** Elements of all arrays of one message: each may be an object many times larger than its bytes. */
export const KAFKA_ARRAY_ELEMENTS_MAX = 100_000
/** Frames of one `POST /kafka`: a burst of tiny ones is not one endless request. */
export const KAFKA_FRAMES_MAX = 1_000
/** Groups that one ListGroups asks for their state, each by a call: the platform allows 10,000 a request. */
export const KAFKA_GROUP_SUMMARIES_MAX = 1_000
/** A body of frames whose sender has not shown a token: those by which clients show one are tiny. */
export const KAFKA_UNAUTHORIZED_BYTES_MAX = 64 * KIB
/** Topics, groups or resources that one request names to be described or changed: each is a call or two. */
export const KAFKA_NAMES_MAX = TOPICS_MAX
/** Partitions of one answer to Metadata: 8 MB of it. Clients ask anew for topics that it has no room for. */
export const KAFKA_METADATA_PARTITIONS_MAX = 200_000
/** Entities with client quotas: their list fits one RPC answer. */
export const CLIENT_QUOTAS_MAX = 10_000
/** Characters of the name of such an entity. */
export const CLIENT_QUOTA_NAME_LENGTH_MAX = 255
/** Partitions that one DescribeLogDirs asks for their size, each by a call. */
export const KAFKA_PARTITION_SIZES_MAX = 2_000
/** Partitions of one page of topics: Kafka's `max.request.partition.size.limit`. */
export const KAFKA_DESCRIBED_PARTITIONS_MAX = 2_000
/** Refused records that one Produce response names; each takes about 100 bytes. */
export const KAFKA_RECORD_ERRORS_MAX = 10_000
/** Characters of an error's text: a name that is refused may be as long as Kafka's texts can be. */
export const KAFKA_ERROR_MESSAGE_LENGTH_MAX = 1_000

// -- edge ---------------------------------------------------------------------------------------

export const METADATA_TTL_MS = 30_000
/** How long the other requests go on with old metadata while one asks for it anew. */
export const METADATA_RETRY_MS = 1_000
export const METADATA_TOPICS_MAX = 2_000
/** Events of one cause are reported at most this often. */
export const EVENT_INTERVAL_MS = 10_000
/** Causes that are remembered for it, by so many characters each. */
export const EVENT_CAUSES_MAX = 100
export const EVENT_CAUSE_CHARS_MAX = 300
/** Longest text in a log line: a stack fits, and a line stays far below the 256 KB that the platform logs of a request. */
export const EVENT_TEXT_CHARS_MAX = 4_000
/** Calls that one request makes at a time, of the partitions or groups that it is about. */
export const EDGE_FANOUT_MAX = 50
/** Partitions whose ends an isolate remembers; some 100 bytes each. */
export const KNOWN_BOUNDS_MAX = 20_000
/** How long the start of a log is taken for where it was. */
export const KNOWN_BOUNDS_AGE_MS = 60_000
