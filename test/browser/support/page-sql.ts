/** SQL in a test page. */
import type { Page } from 'playwright-core'
import type * as pageSql from '../../../client/browser/sql/index.ts'
import type { SqlOptions } from '../../../client/browser/sql/index.ts'

declare global {
  interface Window {
    loadSql(): Promise<typeof pageSql>
    /** Rows of a live query. */
    liveRows: unknown[]
  }
}

/** Runs a query over the page's log. @returns its rows, or the message of its error */
export async function query(
  page: Page,
  sources: string,
  text: string,
  options: Omit<SqlOptions, 'signal'> = {},
): Promise<unknown> {
  return await page.evaluate(
    async (given) => {
      const { sqlOver } = await window.loadSql()
      const sql = sqlOver(window.log, { sources: given.sources })
      return await sql(given.text, given.options)
        .rows()
        .catch((error: Error) => error.message)
    },
    { sources, text, options },
  )
}

/** Begins a live query, whose rows go to `window.liveRows`. */
export async function follow(page: Page, sources: string, text: string): Promise<void> {
  await page.evaluate(
    async (given) => {
      const { sqlOver } = await window.loadSql()
      window.liveRows = []
      const properties = { 'auto.offset.reset': 'earliest' }
      const result = await sqlOver(window.log, { sources: given.sources })(given.text, {
        properties,
      })
      const read = async () => {
        for await (const change of result.changes()) window.liveRows.push(change)
      }
      void read()
    },
    { sources, text },
  )
}
