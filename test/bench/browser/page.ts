/** What pages are measured beside; bundled for them by `stage.ts`. */
export { discardTail } from './discard.ts'
export { RowPerRecord } from './row-per-record.ts'
