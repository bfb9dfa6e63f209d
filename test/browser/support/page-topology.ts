/** Topologies in a test page: starts them, and reads their stores. */
import type { Page } from 'playwright-core'
import type * as pageStreams from '../../../client/browser/streams/index.ts'

declare global {
  interface Window {
    loadStreams(): Promise<typeof pageStreams>
    running: pageStreams.PageRunningTopology
    /** Errors of topologies, and of tasks that failed. */
    streamErrors: string[]
  }
}

/**
 * Runs a topology: it copies the records of `TOPIC` to `TOPIC-copies`, and counts them by their values through a
 * repartition, in the store `counts` and the topic `TOPIC-counts`.
 */
export async function runInPage(page: Page, topic: string): Promise<void> {
  await page.evaluate(async (name) => {
    const { json, runTopology, text, topology } = await window.loadStreams()
    const counts = topology(`app-${name}`, (builder) => {
      const input = builder.stream(name, { key: text, value: text })
      input.to(`${name}-copies`)
      input
        .groupBy((_, value) => value.split('#')[0] ?? '')
        .count({ name: 'counts' })
        .toStream()
        .to(`${name}-counts`, { value: json() })
    })
    window.streamErrors = []
    window.running = await runTopology(counts, window.log)
    window.running.on('failed', ({ task, error }) => {
      window.streamErrors.push(`${task} ${error.node} ${error.message}`)
    })
    window.running.on('retrying', ({ message }) => window.streamErrors.push(message))
  }, topic)
}

/** Returns the store `counts`. */
export async function countsIn(page: Page): Promise<Record<string, number>> {
  return await page.evaluate(async () => {
    const { rows } = await window.running.store<string, number>('counts').range()
    return Object.fromEntries(rows.map(({ key, value }) => [key, value]))
  })
}

export async function idleIn(page: Page): Promise<void> {
  await page.evaluate(() => window.running.idle())
}
