/**
 * Compares a log with the pages' reports: every record that was reported as queued
 * is in the log, none twice, and those of one sender are in the order of sending.
 */

/** One record: its sender, and its number from that sender. It is the record's value. */
export interface RecordId {
  readonly sender: string
  readonly number: number
}

export interface Delivery {
  /** Records that the pages reported as queued before they were killed. */
  readonly queued: Iterable<string>
  /** The values of each partition, in the order of the log. */
  readonly log: ReadonlyMap<number, readonly string[]>
}

export function recordId({ sender, number }: RecordId): string {
  return `${sender}#${number}`
}

export function parseRecordId(id: string): RecordId | undefined {
  const match = /^(.+)#(\d+)$/.exec(id)
  if (match?.[1] === undefined) return undefined
  return { sender: match[1], number: Number(match[2]) }
}

/**
 * Returns all violations; must be empty. A record in the log that was not
 * reported is no violation: the page may have been killed between the two.
 */
export function checkDelivery({ queued, log }: Delivery): string[] {
  const places = new Map<string, string[]>()
  for (const [partition, values] of log) {
    for (const [offset, id] of values.entries()) {
      const place = `${partition}@${offset}`
      const known = places.get(id)
      if (known === undefined) places.set(id, [place])
      else known.push(place)
    }
  }
  return [...checkNoneLost(queued, places), ...checkNoneTwice(places), ...checkOrder(log)]
}

type Places = ReadonlyMap<string, readonly string[]>

function checkNoneLost(queued: Iterable<string>, places: Places): string[] {
  return [...queued].filter((id) => !places.has(id)).map((id) => `${id} was queued and is lost`)
}

function checkNoneTwice(places: Places): string[] {
  return [...places]
    .filter(([, found]) => found.length > 1)
    .map(([id, found]) => `${id} lies at ${found.join(' and ')}`)
}

function checkOrder(log: Delivery['log']): string[] {
  const violations: string[] = []
  for (const [partition, values] of log) {
    const last = new Map<string, number>()
    for (const [offset, id] of values.entries()) {
      const parsed = parseRecordId(id)
      if (parsed === undefined) {
        violations.push(`partition ${partition}, offset ${offset}: never sent: ${id}`)
        continue
      }
      const before = last.get(parsed.sender) ?? -1
      // The same number again is a duplicate, which has a message of its own.
      if (parsed.number < before) {
        violations.push(`${id} lies at ${partition}@${offset}, behind number ${before}`)
      }
      last.set(parsed.sender, Math.max(before, parsed.number))
    }
  }
  return violations
}
