/** Limits of exports and imports, with unit and reason. */

/** Bytes of batches that one read of an export asks for: a few chunks. A frame also has at most one batch more. */
export const EXPORT_READ_BYTES = 4 * 1024 * 1024
/** Size of a frame: more than any export writes, so that a damaged size does not fill the memory. */
export const EXPORT_FRAME_BYTES_MAX = 64 * 1024 * 1024
/** Committed offsets of a frame: a commit with the longest metadata stays below the limit of a body. */
export const EXPORT_FRAME_OFFSETS = 50
/** Descriptions of topics that an import keeps while it commits offsets. */
export const DESCRIPTIONS_MAX = 1_000
