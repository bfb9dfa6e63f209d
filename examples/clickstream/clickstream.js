/** Records what visitors do, and draws the records of the last minute as bars. */
import { log, read, showParked, showStatus } from '../shared.js'

const TOPIC = 'clicks'
const TYPES = ['move', 'click', 'key']
const SECONDS = 60
const WIDTH = 600
const HEIGHT = 100
/** Minimum time between two recorded moves; a pointer reports more often than a chart can show. */
const MOVE_INTERVAL_MS = 50

const [bars, peak, visitors, recording] = ['bars', 'peak', 'visitors', 'recording'].map((id) =>
  document.getElementById(id),
)
const visitor = crypto.randomUUID()
let movedAtMs = 0
/** Records of the last minute: { type, visitor, second }. */
let recent = []
let drawnSecond = 0

/** Queues an event. The client batches concurrent records, and keeps them while there is no network. */
function record(type) {
  if (recording.checked) log.send(TOPIC, { key: visitor, value: type })
}

addEventListener('pointermove', ({ timeStamp }) => {
  if (timeStamp - movedAtMs < MOVE_INTERVAL_MS) return
  movedAtMs = timeStamp
  record('move')
})
addEventListener('click', () => record('click'))
addEventListener('keydown', ({ repeat }) => repeat || record('key'))

function take(records) {
  const now = thisSecond()
  for (const { valueText: type, keyText: visitor, timestamp } of records) {
    // Clocks differ, so treat a record from the future as one of now.
    const second = Math.min(now, Math.floor(timestamp / 1_000))
    if (TYPES.includes(type) && second > now - SECONDS) recent.push({ type, visitor, second })
  }
  draw()
}

function thisSecond() {
  return Math.floor(Date.now() / 1_000)
}

/** Draws one bar per second with stacked types, as one path per type. */
function draw() {
  drawnSecond = thisSecond()
  recent = recent.filter(({ second }) => second > drawnSecond - SECONDS)
  const counts = new Map(TYPES.map((type) => [type, new Array(SECONDS).fill(0)]))
  for (const { type, second } of recent) counts.get(type)[SECONDS - 1 - drawnSecond + second] += 1
  const sums = Array.from({ length: SECONDS }, (_, at) =>
    TYPES.reduce((sum, type) => sum + counts.get(type)[at], 0),
  )
  const highest = Math.max(10, ...sums)
  const tops = new Array(SECONDS).fill(HEIGHT)
  for (const [index, type] of TYPES.entries()) {
    const d = counts.get(type).map((count, at) => {
      const height = (count / highest) * HEIGHT
      tops[at] -= height
      const x = (at * WIDTH) / SECONDS
      return count === 0 ? '' : `M${x + 1} ${tops[at].toFixed(1)}h8v${height.toFixed(1)}h-8z`
    })
    bars.children[index].setAttribute('d', d.join(''))
    showCounts(type, counts.get(type))
  }
  peak.textContent = `up to ${highest}/s`
  const many = new Set(recent.map(({ visitor }) => visitor)).size
  visitors.textContent = `${many} ${many === 1 ? 'visitor' : 'visitors'} in the last minute`
}

function showCounts(type, counts) {
  const [, rate, total] = document.querySelector(`.tiles .${type}`).children
  // The rate of the last full second.
  rate.textContent = counts.at(-2)
  total.textContent = `${counts.reduce((sum, count) => sum + count, 0)} in 60 s`
}

showStatus(document.getElementById('status'))
showParked(() => 'an event')
setInterval(draw, 1_000)
draw()
log.follow(TOPIC, { ageMsMax: 2 * SECONDS * 1_000, bytesMax: 2 ** 21 })
read(TOPIC, { partitions: 2, config: { 'retention.ms': 600_000 } }, take, () => {
  recent = []
})
