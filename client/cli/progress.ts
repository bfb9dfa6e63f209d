/**
 * Progress of long work on standard error: a bar if the total is given,
 * otherwise a rate, both only on a terminal; always a summary line at the end.
 */
import { SingleBar } from 'cli-progress'

const REFRESH_MS = 200

export interface Progress {
  add(records: number, sizeBytes: number): void
  /** Clears the bar and prints the summary. */
  finish(verb: string): void
}

/**
 * @param totalBytes total size of the work, if known
 * @param isShown false while the user types: output would overwrite the line
 */
export function startProgress(totalBytes: number | undefined, isShown: boolean): Progress {
  const startedAtMs = Date.now()
  const isTerminal = isShown && process.stderr.isTTY === true
  let records = 0
  let sizeBytes = 0
  let bar: SingleBar | undefined
  const rate = () => `${formatNumber(perSecond(records, startedAtMs))} records/s`
  const show = () => {
    if (bar !== undefined) bar.update(Math.min(sizeBytes, totalBytes ?? 0), { rate: rate() })
    else process.stderr.write(`\r\u001b[K${formatNumber(records)} records, ${rate()}`)
  }
  if (isTerminal && totalBytes !== undefined) {
    bar = new SingleBar({
      stream: process.stderr,
      format: '{bar} {percentage}% | {rate} | {eta_formatted} left',
      clearOnComplete: true,
      hideCursor: true,
      barsize: 30,
    })
    bar.start(totalBytes, 0, { rate: rate() })
  }
  const timer = isTerminal ? setInterval(show, REFRESH_MS) : undefined
  timer?.unref()
  return {
    add(moreRecords, moreBytes) {
      records += moreRecords
      sizeBytes += moreBytes
    },
    finish(verb) {
      clearInterval(timer)
      bar?.stop()
      if (isTerminal) process.stderr.write('\r\u001b[K')
      const seconds = (Date.now() - startedAtMs) / 1_000
      process.stderr.write(
        `${verb} ${formatNumber(records)} ${records === 1 ? 'record' : 'records'}, ${formatBytes(sizeBytes)}, ` +
          `in ${seconds.toFixed(1)} s (${rate()})\n`,
      )
    },
  }
}

function perSecond(count: number, sinceMs: number): number {
  return Math.round(count / Math.max((Date.now() - sinceMs) / 1_000, 0.001))
}

function formatNumber(value: number): string {
  return value.toLocaleString('en-US')
}

function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1_000) return `${sizeBytes} B`
  if (sizeBytes < 1_000_000) return `${(sizeBytes / 1_000).toFixed(1)} kB`
  return `${(sizeBytes / 1_000_000).toFixed(1)} MB`
}
