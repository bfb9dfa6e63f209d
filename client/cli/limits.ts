/** The bounds of the command line, with unit and reason. */

/** Bytes that `consume` reads ahead: a few reads, whatever the number of partitions. */
export const CONSUME_BUFFER_BYTES = 4 * 1024 * 1024
/** After a silence the server has at least so long to say where the log ends. */
export const END_CHECK_MS_MIN = 10_000
