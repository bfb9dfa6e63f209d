/** Shared parts of the examples: the client, its status line, the token dialog, the service worker. */
import { connect } from './edgelog/browser.js'

export const log = connect({ backgroundSync: true })

/** The token, kept only in memory: after a reload the page asks again. */
let token

const LINKS = {
  idle: 'Starting',
  offline: 'Offline',
  connecting: 'Connecting',
  catchingUp: 'Catching up',
  live: 'Live',
  backingOff: 'Trying again soon',
  authNeeded: 'Needs a token',
  closed: 'Closed',
}

/** Shows the client's status in `element`, and keeps it up to date. */
export function showStatus(element) {
  element.innerHTML =
    '<span class="link" role="status"></span><span></span><span></span><span></span>'
  const [link, pending, lag, storage] = element.children
  const show = () => {
    const { status } = log
    // Screen readers announce this element, so set it only when it changes; the details change too often.
    if (link.dataset.link !== status.link) link.textContent = LINKS[status.link]
    link.dataset.link = status.link
    pending.textContent = pendingText(status)
    lag.textContent = status.lagRecords ? `${status.lagRecords} behind` : ''
    storage.textContent = storageText(status.storage)
    if (status.link === 'authNeeded') void askForToken()
  }
  show()
  log.on('status', show)
  setInterval(show, 1_000)
}

function pendingText({ pending, oldestPendingMs }) {
  if (pending === 0) return 'all is synced'
  return `${pending} not synced, oldest ${duration(oldestPendingMs ?? 0)}`
}

function duration(ms) {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ]
  const [size, unit] = units.find(([size]) => ms >= size) ?? [1_000, 's']
  return `${Math.floor(ms / size)} ${unit}`
}

function storageText(storage) {
  if (storage === null) return ''
  const { usedBytes, isPersisted, isLow } = storage
  const used = `${(usedBytes / 1e6).toFixed(1)} MB stored`
  if (isLow) return `${used}, almost full`
  return isPersisted ? `${used} for good` : used
}

/**
 * Passes the records of a topic to `take`, from its beginning and without end. Creates the topic if it is
 * missing. Calls `reset` before it starts again from the beginning, with the same log or a new one.
 */
export async function read(topic, options, take, reset) {
  log.on('topicReset', reset)
  for (;;) {
    try {
      // If no server responds, the cached records are shown.
      await createTopic(topic, options).catch(() => undefined)
      const consumer = await log.consumer({ topics: [topic], from: 'earliest' })
      for await (const { records } of consumer) take(records)
      return
    } catch (error) {
      // The client itself waits for networks and servers, so this error is a deleted topic.
      console.warn(`${topic}: ${error.message}`)
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      reset()
    }
  }
}

/** Creates a topic if it is missing. */
export async function createTopic(name, options) {
  const { topics } = await (await call('/v1/topics')).json()
  if (topics.some((topic) => topic.name === name)) return
  await call('/v1/topics', { method: 'POST', body: JSON.stringify({ name, ...options }) })
}

/** Calls the server's API; asks for a token if it needs one. */
export async function call(path, init) {
  const headers = { 'Content-Type': 'application/json' }
  if (token !== undefined) headers.Authorization = `Bearer ${token}`
  const answer = await fetch(path, { ...init, headers })
  if (answer.status !== 401) return answer
  await askForToken()
  return await call(path, init)
}

let asked

function askForToken() {
  asked ??= new Promise((resolve) => {
    const dialog = document.createElement('dialog')
    dialog.innerHTML = `<form method="dialog">
      <h2 id="ask">This log needs a token</h2>
      <label for="token">Token: the server's EDGELOG_TOKEN</label>
      <input id="token" type="password" autocomplete="off" required>
      <button class="main">Continue</button>
    </form>`
    dialog.setAttribute('aria-labelledby', 'ask')
    // The page needs a token, so Escape does not close the dialog.
    dialog.addEventListener('cancel', (event) => event.preventDefault())
    dialog.addEventListener('close', () => {
      token = dialog.querySelector('input').value
      log.setToken(token)
      dialog.remove()
      asked = undefined
      resolve()
    })
    document.body.append(dialog)
    dialog.showModal()
  })
  return asked
}

/** Shows the parked records above the page, with buttons; `describe` returns the text for a record. */
export function showParked(describe) {
  const section = document.createElement('section')
  section.className = 'card alert'
  section.innerHTML = '<h2 id="parked">Refused by the log</h2><ul class="list"></ul>'
  section.setAttribute('aria-labelledby', 'parked')
  const show = async () => {
    const parked = await log.outbox.parked()
    if (parked.length === 0) return section.remove()
    section.lastElementChild.replaceChildren(...parked.map((one) => parkedRow(one, describe)))
    document.getElementById('status').after(section)
  }
  log.on('outbox', show)
  void show()
}

function parkedRow({ id, record, error }, describe) {
  const row = document.createElement('li')
  row.className = 'row'
  row.innerHTML = '<span></span><button>Try again</button><button>Discard</button>'
  const [text, retry, discard] = row.children
  text.textContent = `${describe(record)}: ${error.message}`
  for (const button of [retry, discard]) {
    button.ariaLabel = `${button.textContent}: ${describe(record)}`
  }
  retry.addEventListener('click', () => log.outbox.retry(id))
  discard.addEventListener('click', () => log.outbox.discard(id))
  return row
}

const announcement = document.createElement('p')
announcement.className = 'unseen'
announcement.setAttribute('role', 'status')
document.body.append(announcement)

/** Announces a change to screen readers. */
export function announce(text) {
  announcement.textContent = text
}

function warn(text) {
  const element = document.createElement('p')
  element.className = 'card alert'
  element.setAttribute('role', 'alert')
  element.textContent = text
  document.getElementById('status').after(element)
}

log.on('storageLost', ({ pendingRecords }) => {
  warn(`The data of this site was cleared, and with it ${pendingRecords} changes not synced.`)
})
log.on('reloadNeeded', () => warn('There is another version of this page: please reload it.'))

navigator.serviceWorker?.register(new URL('./sw.js', import.meta.url), { type: 'module' })
