/** Limits of the command line, with unit and reason. */

/** Bytes that `consume` reads ahead: a few reads, however many partitions there are. */
export const CONSUME_BUFFER_BYTES = 4 * 1024 * 1024
/** Shortest time in which the server must report the end of the log after a silence. */
export const END_CHECK_MS_MIN = 10_000

/** Time over which `streams describe` measures records/s. */
export const STREAMS_RATE_MS = 1_000

// -- ports of their own for APIs of the local server ----------------------------------------------

/** Connections of clients to one port; more are refused. */
export const FRONT_CONNECTIONS_MAX = 1_000
/** Requests that one port passes on at once; more wait. A push query stays open. */
export const FRONT_REQUESTS_MAX = 2_000
/** Requests of one connection of HTTP/2 at once. */
export const FRONT_STREAMS_MAX = 200
/** Time for the first bytes of a connection. */
export const FRONT_FIRST_BYTES_MS = 30_000

// -- the prompt of SQL --------------------------------------------------------------------------------

/** Statements in the history of `edgelog sql`, and the characters of one. */
export const SQL_HISTORY_MAX = 1_000
export const SQL_HISTORY_LENGTH_MAX = 10_000
/** Characters of a statement at the prompt: the server takes as many. */
export const SQL_INPUT_LENGTH_MAX = 256 * 1024
/** Rows that set the widths of the columns of a table, which then stay. */
export const SQL_WIDTH_ROWS = 200
/** Columns of an INTEGER, of other numbers, and of texts outside of a terminal, while the rows are not known yet. */
export const SQL_INTEGER_WIDTH = 11
export const SQL_NUMBER_WIDTH = 19
export const SQL_TEXT_WIDTH = 16
/** Scripts that run scripts. */
export const SQL_SCRIPT_DEPTH_MAX = 10
