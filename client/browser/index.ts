/**
 * The edgelog client for web pages: reads and writes as if the log were a local database, offline,
 * across tabs and crashes, and in sync again by itself.
 *
 * @module
 */
export { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
