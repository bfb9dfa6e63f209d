/** The globals of the test page. */
import type * as edgelog from '../../../client/browser/index.ts'
import type { Clock } from '../../../client/clock.ts'

export type Edgelog = typeof edgelog
export type Log = edgelog.BrowserClient
export type ConnectOptions = edgelog.BrowserClientOptions

declare global {
  interface Window {
    /** The client as `dist/browser/browser.js` exports it. */
    edgelog: Edgelog
    /** The log that `openTab` has connected to. */
    log: Log
    /** The next numbers, by sender. */
    nextNumbers: Record<string, number>
    /** The values that the page has read, by topic. */
    seen: Record<string, string[]>
    /** The events that the page has received. */
    events: Array<{ readonly name: string; readonly value: unknown }>
    /** The client's clock, if `openTab` was asked for one: its offset, and its speed. */
    testClock: Clock & { offsetMs: number; rate: number }
  }
}
