/** What the page of the tests holds besides what every page has. */
import type * as edgelog from '../../../client/browser/index.ts'

export type Edgelog = typeof edgelog
export type Log = ReturnType<Edgelog['connect']>
export type ConnectOptions = Parameters<Edgelog['connect']>[0]

declare global {
  interface Window {
    /** The client as `dist/browser/browser.js` exports it. */
    edgelog: Edgelog
    /** The log that `openTab` has connected to. */
    log: Log
    /** Numbers of the next records, by sender. */
    nextNumbers: Record<string, number>
  }
}
