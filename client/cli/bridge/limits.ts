/** Limits and delays of the bridge, with unit and reason; those of a connection are in `src/core/kafka`. */

const MIB = 1024 * 1024

/** Bytes of one request frame, and of the frames that share one call: the limit of the server. */
export const FRAMES_BYTES_MAX = 16 * MIB
/** Frames of one call: splits a burst of tiny frames into several calls. */
export const FRAMES_MAX = 1_000
/**
 * Calls at a time, each on its own connection to the server: together with the clients' fewer than 20,000 open files.
 */
export const CALLS_MAX = 8_000
/** Time to open a session; a network that drops WebSockets in silence takes this long once. */
export const SESSION_OPEN_MS_MAX = 5_000
/** Time without further attempts after sessions were not available. */
export const SESSIONS_RETRY_MS = 60_000
/** Idle HTTP connections are closed after this time, before the server closes them, so no call meets a closing one. */
export const HTTP_IDLE_MS = 4_000
/** Time for which a connection stays open after a failed call, so that clients do not reconnect in a tight loop. */
export const FAILURE_PAUSE_MS = 250
/** Time for calls in flight when the bridge stops. */
export const DRAIN_MS_MAX = 10_000
/** Most messages per interval. */
export const COMPLAINTS_MAX = 10
export const COMPLAINT_INTERVAL_MS = 10_000
/** Longest TLS handshake. */
export const HANDSHAKE_MS_MAX = 10_000
