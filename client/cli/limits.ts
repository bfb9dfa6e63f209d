/** Limits of the command line, with unit and reason. */

/** Bytes that `consume` reads ahead: a few reads, however many partitions there are. */
export const CONSUME_BUFFER_BYTES = 4 * 1024 * 1024
/** Shortest time in which the server must report the end of the log after a silence. */
export const END_CHECK_MS_MIN = 10_000
