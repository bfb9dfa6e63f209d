/** Runs the leaderboard in this browser, and shows its windows; beside them, those of the server. */
import * as streams from '../edgelog/streams.js'
import { call, createTopic, log, showParked, showStatus } from '../shared.js'
import { leaderboard, NAME, TOPIC, WINDOW_MS } from './topology.js'

const SIDES_MAX = 6
const ROWS_MAX = 1_000

const [form, player, rolled, left, now, before, server, template] = [
  ...['play', 'player', 'rolled', 'left', 'now', 'before', 'server', 'row'],
].map((id) => document.getElementById(id))

/** The running topology, once its topic is known. */
let running

function minuteOf(timeMs) {
  return Math.floor(timeMs / WINDOW_MS) * WINDOW_MS
}

/** Shows players with their points, the best first. */
function showRows(list, rows) {
  const sorted = rows.toSorted((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1))
  list.replaceChildren(
    ...sorted.map(({ key, value }) => {
      const row = template.content.firstElementChild.cloneNode(true)
      const [name, points] = row.children
      name.textContent = key
      points.textContent = value
      return row
    }),
  )
}

async function show() {
  const nowMs = Date.now()
  const minute = minuteOf(nowMs)
  left.textContent = `${Math.ceil((minute + WINDOW_MS - nowMs) / 1_000)} s left`
  if (running === undefined) return
  const query = { fromMs: minute - WINDOW_MS, toMs: minute, limit: ROWS_MAX }
  const { rows } = await running.store('points').windows(query).catch(waiting)
  showRows(
    now,
    rows.filter(({ window }) => window.startMs === minute),
  )
  showRows(
    before,
    rows.filter(({ window }) => window.startMs === minute - WINDOW_MS),
  )
}

/** Shows why there are no rows: the topology is planned when the topic is known, which needs a network once. */
function waiting({ message }) {
  left.textContent = message
  return { rows: [] }
}

/** Shows how many points the server's own topology has counted in this minute, if it runs one. */
async function showServer() {
  try {
    const { applications } = await (await call('/v1/streams')).json()
    if (!applications.some(({ name }) => name === NAME)) {
      server.textContent = 'The server does not run this topology: worker.js shows how.'
      return
    }
    const minute = minuteOf(Date.now())
    const query = `fromMs=${minute}&toMs=${minute}&limit=${ROWS_MAX}`
    const { rows } = await (await call(`/v1/streams/${NAME}/stores/points?${query}`)).json()
    const sum = rows.reduce((total, { value }) => total + value, 0)
    server.textContent = `The server has counted ${sum} points in this minute.`
  } catch {
    server.textContent = 'The server cannot be reached.'
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const points = 1 + Math.floor(Math.random() * SIDES_MAX)
  rolled.textContent = `${player.value} rolled ${points}`
  log.send(TOPIC, { key: player.value.trim(), value: { points } })
})

/** Starts the topology, and creates its topic. */
async function start() {
  await createTopic(TOPIC, { partitions: 2 }).catch(() => undefined)
  running = await streams.runTopology(leaderboard(streams), log)
  running.on('failed', ({ error }) => {
    console.warn(`leaderboard: ${error.message}`)
    // The topic is missing or was created again: what was counted is of the old one.
    setTimeout(restart, 3_000)
  })
}

async function restart() {
  const former = running
  running = undefined
  await former.deleteState()
  await start()
}

showStatus(document.getElementById('status'))
showParked(() => 'a roll of the dice')
setInterval(show, 500)
setInterval(showServer, 2_000)
await start()
await Promise.all([show(), showServer()])
