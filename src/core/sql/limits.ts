/** The limits of SQL. */

/** Characters of the statements of one request. */
export const STATEMENTS_LENGTH_MAX = 256 * 1024
/** Bytes of a request with statements: its characters as UTF-8, in JSON, and parameters. */
export const STATEMENTS_BODY_BYTES_MAX = 2 * 1024 * 1024
/** Statements of one request. */
export const STATEMENTS_MAX = 1_000
/** Levels of nesting of an expression, or of a type. */
export const NESTING_MAX = 200
/** Columns of a source, and expressions of a list. */
export const COLUMNS_MAX = 2_000
/** Sources that one query joins. */
export const JOINED_SOURCES_MAX = 16
/** Digits of a decimal while it is computed: any double fits, and one step takes microseconds. */
export const DECIMAL_DIGITS_MAX = 1_200

// -- the catalog -------------------------------------------------------------------------------

/** Bytes of all rows of the catalog, about: each instance of the Worker reads and keeps them all. */
export const CATALOG_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of one row of the catalog: a row holds at most 2 MB in production. */
export const CATALOG_ROW_BYTES_MAX = 1_900_000
/** Effects that are not carried out: then statements are refused until some are. */
export const PENDING_EFFECTS_MAX = 1_000
/** Time that a statement waits for its effects. The catalog goes on with them. */
export const EFFECTS_WAIT_MS = 10_000
/** Pause before the catalog carries out again what failed; it doubles from the minimum to the maximum. */
export const EFFECT_RETRY_MS_MIN = 1_000
export const EFFECT_RETRY_MS_MAX = 300_000
/** Time for which ASSERT TOPIC waits by default, and at most; it looks again after each pause. */
export const ASSERT_WAIT_MS = 1_000
export const ASSERT_WAIT_MS_MAX = 20_000
export const ASSERT_PAUSE_MS = 200
/** Pause before a request asks again whether the catalog has the statement that it waits for. */
export const SEQUENCE_PAUSE_MS = 200
/** Times that a statement is decided again because another one was faster. */
export const COMMIT_TRIES_MAX = 20
/** Calls of one commit: it is repeated if its response is lost. */
export const COMMIT_CALLS_MAX = 3

// -- times -------------------------------------------------------------------------------------

/** Time patterns that are kept compiled: a statement has a few, but a column may hold any. */
export const TIME_PATTERNS_MAX = 100
/** Characters of a time pattern: bounds the memory of compiled ones. */
export const TIME_PATTERN_LENGTH_MAX = 1_000
/** Time zones that are kept, and for each the days whose offset is kept: 16 bytes a day. */
export const ZONES_MAX = 100
export const ZONE_DAYS_MAX = 5_000

// -- functions ---------------------------------------------------------------------------------

/** Characters of a text, or bytes, that one call makes: a record holds at most about 2 MB. */
export const TEXT_LENGTH_MAX = 1_000_000
/** Elements of an array or map that one call makes. */
export const ELEMENTS_MAX = 100_000
/** Columns of CUBE_EXPLODE: each doubles its rows. */
export const CUBE_COLUMNS_MAX = 12
/** Regular expressions that are kept compiled, and the characters of one. */
export const REGEXPS_MAX = 100
export const REGEXP_LENGTH_MAX = 1_000
/** Groups and repeats of a regular expression within one another: bounds the depth of calls. */
export const REGEXP_DEPTH_MAX = 50
/**
 * Steps of matching one text, and those more for each of its characters: 500,000 take about 30 ms. A pattern such as
 * `(a+)+b` would take years for some texts.
 */
export const REGEXP_STEPS_MAX = 500_000
export const REGEXP_STEPS_PER_CHARACTER = 10
/** Depth of calls while a text is matched: each repeat of a group adds a few; the stack has room for 10,000. */
export const REGEXP_CALLS_MAX = 2_500
/** Depth of JSON that functions read and write. */
export const JSON_TEXT_DEPTH_MAX = 100
/** Keys that one query looks up; with more it reads the whole table. */
export const KEY_LOOKUPS_MAX = 1_000

// -- aggregates --------------------------------------------------------------------------------

/** The k of TOPK and the n of LATEST_BY_OFFSET: the state of a group is read and written as a whole. */
export const TOP_VALUES_MAX = 10_000
/** Values that COLLECT_LIST and COLLECT_SET keep of one group. */
export const COLLECTED_VALUES_MAX = 100_000
/** Keys of HISTOGRAM, as in ksqlDB. */
export const HISTOGRAM_KEYS_MAX = 1_000
/** Different values of one group that ATTR counts: with more than one its result is NULL anyway. */
export const ATTR_VALUES_MAX = 1_000

/** Rows of the result of a pull query. */
export const PULL_ROWS_MAX = 100_000
/** How long a pull query waits for a task that begins. */
export const PULL_WAIT_MS = 5_000
/** Bytes that a query reads from a partition at a time. */
export const READ_BYTES = 1024 * 1024
/** How long a push query waits for news of its partitions before it asks again. */
export const PUSH_WAIT_MS = 20_000
/** Bytes of the state of a push query that runs in the memory of its request. */
export const TRANSIENT_STATE_BYTES_MAX = 16 * 1024 * 1024
