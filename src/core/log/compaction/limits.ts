/** The limits of compaction. */

/**
 * The longest time for which an appended record is active, and so not compacted: a reader that is less behind gets
 * each record. It takes the place of Kafka's active segment.
 */
export const ACTIVE_MS_MAX = 60_000
/** Keys of one pass: 24 bytes each. A log with more keys is compacted by several passes. */
export const PASS_KEYS_MAX = 600_000
/** Records that are scanned or filtered in one turn of the event loop: about 1 ms. */
export const TURN_RECORDS_MAX = 2_000
/** Chunks that one alarm scans or filters; the next alarm continues. */
export const ALARM_CHUNKS_MAX = 256
/** Delay of a pass while another log of the isolate is compacted. */
export const PASS_RETRY_MS = 5_000
/** Delay of a pass after an error. */
export const PASS_ERROR_RETRY_MS = 60_000
/** How long a log may compact without a sign of life before another log of the isolate may begin. */
export const PERMIT_MS = 60_000
