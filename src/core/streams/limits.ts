/** Limits of stream processing, each with its unit and its reason. */

const KIB = 1024
const MIB = 1024 * KIB

// -- state -------------------------------------------------------------------------------------

/** A leaf larger than this is split: small enough that a changed key rewrites little, large enough to cost few rows. */
export const LEAF_BYTES_MAX = 8 * KIB
/** Size of the leaves that a split makes: leaves room for keys to come. */
export const LEAF_BYTES_SPLIT = 5 * KIB
/** Entries of a leaf in memory: inserting into a longer list would move too much. */
export const LEAF_ENTRIES_MAX = 512
/** A key with its value: a row holds at most 2 MB in production, and an entry is never split. */
export const ENTRY_BYTES_MAX = 1_900_000
/** Stored bytes of the leaves in memory: a fraction of an isolate's 128 MB. Decoded they take about 3 times that. */
export const STATE_CACHED_BYTES_MAX = 16 * MIB
/** Changed keys are written to their leaves after this many bytes of turns: what a task reads at most when it wakes. */
export const CHECKPOINT_BYTES = 1 * MIB
/** ...or after this many turns, so that waking reads few rows. */
export const CHECKPOINT_TURNS = 1_000
/** State of one task: an object holds 10 GB; the rest is for leaves that are not full, and for turns. */
export const STATE_BYTES_MAX = 8 * 1024 * MIB

// -- turns -------------------------------------------------------------------------------------

/** Records of one turn: a turn blocks its object, and each record has its outputs in memory. */
export const TURN_RECORDS_MAX = 5_000
/** Changes and outputs of a turn, after which it ends: they are one commit. */
export const TURN_BYTES = 1 * MIB
/** Changes and outputs of one record: a turn cannot be cut within a record. */
export const TURN_BYTES_MAX = 8 * MIB
/** Records that one record of input may become: keeps a turn in bounds when a function returns a long list. */
export const RECORD_OUTPUTS_MAX = 100_000
/** Nodes of a topology: its description is one row, and each forwards by a call within a call. */
export const NODES_MAX = 500
/** Characters of the name of an application, a node or a store: the name of an internal topic has two of them. */
export const STREAMS_NAME_LENGTH_MAX = 100
/** Windows that contain one record: a small advance would multiply the work of each record. */
export const WINDOWS_PER_RECORD_MAX = 1_000
/** Interval of a punctuation: a shorter one by the clock would wake its object again and again. */
export const PUNCTUATION_INTERVAL_MS_MIN = 1
/** Updates that `suppress`, and unmatched rows that a join, forward at one record: the others follow with the next. */
export const RELEASED_PER_RECORD_MAX = 1_000
/** Batches of one turn for one partition: they are one append. */
export const OUTGOING_BATCHES_MAX = 8
/** Turns whose batches are not acknowledged: then the task waits, which is its backpressure. */
export const PENDING_TURNS_MAX = 4
/** A producer that was silent for longer on a partition begins a new epoch: after 30 days the log forgets it. */
export const PRODUCER_SILENCE_MS_MAX = 20 * 24 * 3_600_000
/** Characters of the message of a shown error. */
export const SHOWN_ERROR_LENGTH_MAX = 500

// -- a running task ----------------------------------------------------------------------------

/** Bytes of one fetch. A task has the records of two in memory: one is processed, the other is read meanwhile. */
export const FETCH_BYTES = 1 * MIB
/** Pause before a call to a topic is repeated; it doubles from the minimum to the maximum. */
export const SEND_RETRY_MS_MIN = 50
export const SEND_RETRY_MS_MAX = 30_000
/** Unread bytes of an internal topic, about, after which the task deletes what it has read. */
export const INTERNAL_TRUNCATE_RECORDS = 50_000
/** A task with work has an alarm at most this far ahead: it goes on after a crash. */
export const TASK_ALARM_MS = 30_000
/** An idle task asks its topics again after this time, in case a hint was lost; it doubles up to the maximum. */
export const TASK_POLL_MS_MIN = 60_000
export const TASK_POLL_MS_MAX = 3_600_000
/** Rows that one query returns: they are one RPC result. */
export const QUERY_ROWS_MAX = 1_000
/** Bytes of the rows of one query, about. */
export const QUERY_BYTES_MAX = 8 * MIB
/** Bytes of one row of a turn: a row holds at most 2 MB in production. */
export const TURN_PART_BYTES = 1_900_000
/** Bytes of a batch that a task makes, if its topic allows them. */
export const BATCH_TARGET_BYTES = 1 * MIB

// -- applications ------------------------------------------------------------------------------

/** Applications of one cluster: each has an object, and tasks with objects of their own. */
export const APPLICATIONS_MAX = 1_000
/** Calls of an application to its tasks at a time. */
export const TASK_CALLS_MAX = 32
/** Pause before an application tries to settle again; it doubles from the minimum to the maximum. */
export const SETTLE_RETRY_MS_MIN = 2_000
export const SETTLE_RETRY_MS_MAX = 600_000
/** Pieces of work that an application does in one pass; its alarm goes on with more. An upgrade has about 12. */
export const SETTLE_WORK_MAX = 30
/** Records between the generations of an upgrade, and in their internal topics, with which they may be swapped. */
export const UPGRADE_DISTANCE_RECORDS_MAX = 10_000
/** Time for which both generations may stop at a cut: then they go on, and it is tried again. */
export const UPGRADE_HOLD_MS_MAX = 60_000
/** Pause before they are to be swapped again; it doubles from the minimum to the maximum. */
export const UPGRADE_RETRY_MS_MIN = 5_000
export const UPGRADE_RETRY_MS_MAX = 600_000
/** Pause between two looks at a candidate that catches up; it doubles from the minimum to the maximum. */
export const UPGRADE_POLL_MS_MIN = 1_000
export const UPGRADE_POLL_MS_MAX = 30_000
/** Pause between two looks at tasks that work up to a cut: sinks wait. */
export const UPGRADE_DRAIN_POLL_MS = 200
/** Time for which an edge knows where a store is. A task of a former generation responds that it is gone. */
export const PLACEMENT_TTL_MS = 30_000
/** Pause before an instance of the Worker deploys again what it could not deploy. */
export const DEPLOY_RETRY_MS = 5_000
