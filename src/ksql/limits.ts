/** The limits of ksqlDB's API. */

/** Push queries that one instance of the Worker serves at once: each holds a reader of a log. */
export const OPEN_QUERIES_MAX = 1_000
/** Time that a request waits for the statement whose `commandSequenceNumber` it names, as in ksqlDB. */
export const COMMAND_WAIT_MS = 5_000
/** Bytes of a row of `/inserts-stream`: a record holds at most about 2 MB. */
export const INSERT_LINE_BYTES_MAX = 4 * 1024 * 1024
/** Rows of `/inserts-stream` that are written with one call. */
export const INSERT_ROWS_MAX = 500
