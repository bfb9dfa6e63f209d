/** Every cap and delay of the bridge, with its unit and reason. */

const KIB = 1024
const MIB = 1024 * KIB

/** Connections at a time; each holds a socket and some hundred bytes while it is silent. */
export const CONNECTIONS_MAX = 10_000
/** Bytes of one request frame, and of the frames that are joined into one call: what the server takes. */
export const FRAMES_BYTES_MAX = 16 * MIB
/** Bytes of one frame of a client that has yet to say who it is, where that is asked for. */
export const STRANGER_FRAME_BYTES_MAX = 64 * KIB
/** Frames of one call: a burst of tiny ones is not one endless call. */
export const FRAMES_MAX = 1_000
/** Bytes that one connection may have sent ahead of what is under way; then it is not read from. */
export const CONNECTION_BYTES_MAX = 1 * MIB
/** Bytes of requests that all connections hold together; beyond it one at a time is read from. */
export const TOTAL_BYTES_MAX = 256 * MIB
/** In each such time a frame that has begun gets whole, or brings so many bytes: a line of 20 kbit/s does. */
export const FRAME_MS_MAX = 60_000
export const FRAME_PROGRESS_BYTES_MIN = 120_000
/** Silence between frames after which a connection is closed: Kafka's `connections.max.idle.ms`. */
export const IDLE_MS_MAX = 10 * 60 * 1_000
/** Time a client has to take the bytes of an answer before it is taken for dead. */
export const WRITE_SILENCE_MS_MAX = 60_000
/** Calls at a time, each a connection to the server: with those of the clients they stay below 20,000 open files. */
export const CALLS_MAX = 8_000
/** An idle HTTP connection is let go before the server does it: a call never meets one that closes. */
export const HTTP_IDLE_MS = 4_000
/** How long a call that was lost keeps its connection open: clients that come back at once do not spin. */
export const FAILURE_PAUSE_MS = 250
/** How long what is under way may take when the bridge stops. */
export const DRAIN_MS_MAX = 10_000
/** So many complaints are printed in so long. */
export const COMPLAINTS_MAX = 10
export const COMPLAINT_INTERVAL_MS = 10_000
/** Time a TLS handshake may take. */
export const HANDSHAKE_MS_MAX = 10_000
