/** Limits of Kafka clients' TCP connections to the bridge, and to the port of the runtime, with unit and reason. */

const MIB = 1024 * 1024

/** Connections at a time; an idle one costs a socket and some kilobytes. */
export const CONNECTIONS_MAX = 10_000
/** Bytes that a connection may have queued behind the frames that are served; beyond it the socket is paused. */
export const CONNECTION_BYTES_MAX = 1 * MIB
/** Bytes of requests of all connections together; beyond it only one connection at a time is read. */
export const TOTAL_BYTES_MAX = 256 * MIB
/** Within this time a frame must be complete or bring this many bytes: a line of 20 kbit/s is fast enough. */
export const FRAME_MS_MAX = 60_000
export const FRAME_PROGRESS_BYTES_MIN = 120_000
/** Time without frames after which a connection is closed: Kafka's `connections.max.idle.ms`. */
export const IDLE_MS_MAX = 10 * 60 * 1_000
/** Time in which a client must accept response bytes, before its connection is closed. */
export const WRITE_SILENCE_MS_MAX = 60_000
