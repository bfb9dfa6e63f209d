/** What the page of the tests holds besides what every page has. */
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
    /** Numbers of the next records, by sender. */
    nextNumbers: Record<string, number>
    /** The values that the page has read, by topic. */
    seen: Record<string, string[]>
    /** The events that the page has heard. */
    events: Array<{ readonly name: string; readonly value: unknown }>
    /** Of the log, if `openTab` was asked for one: how far it is ahead, and how fast it goes. */
    testClock: Clock & { offsetMs: number; rate: number }
  }
}
