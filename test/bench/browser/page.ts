/** The baselines that the client is compared with in a page; `stage.ts` bundles them. */
export { discardTail } from './discard.ts'
export { RowPerRecord } from './row-per-record.ts'
