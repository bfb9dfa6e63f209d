/** The limits of compaction. */

/**
 * The longest time for which an appended record is active, and so not compacted: a reader that is less behind gets
 * each record. It takes the place of Kafka's active segment.
 */
export const ACTIVE_MS_MAX = 60_000
/** Keys of one pass: 24 bytes each. A log with more keys is compacted by several passes. */
export const PASS_KEYS_MAX = 1_000_000
/** Records that are scanned or filtered in one turn of the event loop: about 1 ms. */
export const TURN_RECORDS_MAX = 2_000
/** Chunks that one alarm scans or filters; the next alarm continues. */
export const ALARM_CHUNKS_MAX = 64
/**
 * Records or bytes that may be appended before a pass rewrites its next chunk. An append waits while a chunk is
 * written, so about one in a hundred does, and a pass still rewrites four chunks for one that is appended.
 */
export const REWRITE_AFTER_RECORDS = 128
export const REWRITE_AFTER_BYTES = 256 * 1_024
/** The longest rest of a pass before it rewrites a chunk. It rests in steps. */
export const REWRITE_REST_MS_MAX = 100
export const REWRITE_REST_STEP_MS = 10
/** Delay of a pass while another log of the isolate is compacted. */
export const PASS_RETRY_MS = 5_000
/** Delay of a pass after an error. */
export const PASS_ERROR_RETRY_MS = 60_000
/** How long a log may compact without a sign of life before another log of the isolate may begin. */
export const PERMIT_MS = 60_000
