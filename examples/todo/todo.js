/** A list built from its log: the events with an item's id determine the item. */
import { announce, log, read, showParked, showStatus } from '../shared.js'

const TOPIC = 'todos'
const [form, text, list, count, template] = ['new', 'text', 'items', 'count', 'item'].map((id) =>
  document.getElementById(id),
)

/** The items from the log, in the order in which they were added; and the ids of the events read. */
let items = new Map()
let folded = new Set()
/** Events of this browser, by id, that were not read from the log yet; shown on top of it. */
const own = new Map()
const rows = new Map()

/** Applies an event. The last event of a field wins; all events of an item are in one partition, so in order. */
function fold(into, { item: id, type, text, isDone }) {
  const item = into.get(id)
  if (type === 'add' && item === undefined) into.set(id, { text, isDone: false, isDeleted: false })
  if (item === undefined) return
  if (type === 'rename') item.text = text
  if (type === 'toggle') item.isDone = isDone === true
  if (type === 'delete') item.isDeleted = true
}

/** Parses an event leniently, because anyone may write anything to the topic. */
function parse(record) {
  try {
    const { id, type, text = '', isDone } = record.json()
    return { id: String(id), type, text: String(text), isDone, item: record.keyText }
  } catch {
    return { type: 'unknown', text: '' }
  }
}

async function send(item, event) {
  const value = JSON.stringify({ id: crypto.randomUUID(), ...event })
  await log.send(TOPIC, { key: item, value })
}

function take(records) {
  for (const event of records.map(parse)) {
    if (folded.has(event.id)) continue
    folded.add(event.id)
    own.delete(event.id)
    fold(items, event)
  }
  show()
}

/**
 * Shows the events that are not sent yet. An event stays in `own` until it is read from the log, because
 * for a moment after it is sent it is in neither.
 */
async function showOwn() {
  for (const event of (await log.outbox.pending(TOPIC)).map(parse)) {
    if (!folded.has(event.id)) own.set(event.id, event)
  }
  for (const { record } of await log.outbox.parked()) own.delete(parse(record).id)
  show()
}

function show() {
  const view = new Map([...items].map(([id, item]) => [id, { ...item }]))
  for (const event of own.values()) {
    fold(view, event)
    const item = view.get(event.item)
    if (item !== undefined) item.isPending = true
  }
  const shown = new Map([...view].filter(([, { isDeleted }]) => !isDeleted))
  for (const [id, row] of rows) if (!shown.has(id)) row.remove()
  for (const [at, [id, item]] of [...shown].entries()) showItem(at, id, item)
  const left = [...shown.values()].filter(({ isDone }) => !isDone).length
  count.textContent = shown.size === 0 ? '' : `${left} of ${shown.size} to do`
}

function showItem(at, id, { text, isDone, isPending = false }) {
  const row = rows.get(id) ?? newRow(id)
  if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null)
  const [checkbox, input, , remove] = row.children
  row.classList.toggle('is-done', isDone)
  row.classList.toggle('is-pending', isPending)
  checkbox.checked = isDone
  // Does not overwrite a text that the user is typing.
  if (document.activeElement !== input) input.value = text
  input.defaultValue = text
  fitHeight(input)
  checkbox.ariaLabel = `Done: ${text}`
  input.ariaLabel = `Text of ${text}`
  remove.ariaLabel = `Delete ${text}`
}

/** Fits the height to the text in browsers without `field-sizing` (Safari before 26.2). */
function fitHeight(input) {
  if (CSS.supports('field-sizing', 'content')) return
  input.style.height = 'auto'
  input.style.height = `${input.scrollHeight + input.offsetHeight - input.clientHeight}px`
}

function newRow(id) {
  const row = template.content.firstElementChild.cloneNode(true)
  const [checkbox, input, , remove] = row.children
  checkbox.addEventListener('change', () => send(id, { type: 'toggle', isDone: checkbox.checked }))
  input.addEventListener('change', () => {
    const text = input.value.trim()
    if (text === '') input.value = input.defaultValue
    else if (text !== input.defaultValue) send(id, { type: 'rename', text })
  })
  input.addEventListener('input', () => fitHeight(input))
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || !['Escape', 'Enter'].includes(event.key)) return
    event.preventDefault()
    if (event.key === 'Escape') input.value = input.defaultValue
    input.blur()
  })
  remove.addEventListener('click', () => {
    announce(`Deleted ${input.value}`)
    const next = row.nextElementSibling ?? row.previousElementSibling
    const nextFocus = next?.querySelector('button') ?? text
    nextFocus.focus()
    send(id, { type: 'delete' })
  })
  rows.set(id, row)
  return row
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const added = text.value.trim()
  form.reset()
  if (added === '') return
  announce(`Added ${added}`)
  send(crypto.randomUUID(), { type: 'add', text: added })
})

/** Clears the list, because the log or the browser's data is a new one. */
function reset() {
  for (const row of rows.values()) row.remove()
  items = new Map()
  folded = new Set()
  rows.clear()
  own.clear()
  showOwn()
}

log.on('outbox', showOwn)
log.on('storageLost', reset)
showStatus(document.getElementById('status'))
showParked((record) => `${parse(record).type} ${parse(record).text}`)
showOwn()
read(TOPIC, { partitions: 1, config: { 'retention.ms': -1 } }, take, reset)
