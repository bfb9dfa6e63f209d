/** A list that is the fold of its log: an item is what the events that bear its id have made of it. */
import { log, read, say, showParked, showStatus } from '../shared.js'

const TOPIC = 'todos'
const [form, text, list, count, template] = ['new', 'text', 'items', 'count', 'item'].map((id) =>
  document.getElementById(id),
)

/** What the log says, in the order in which the items were added; and the ids of its events. */
let items = new Map()
let folded = new Set()
/** By id: the events of this browser that were not read from the log yet, shown on top of it. */
const own = new Map()
const rows = new Map()

/** The last event wins, for its own field; those of an item lie in one partition, so in order. */
function fold(into, { item: id, type, text, isDone }) {
  const item = into.get(id)
  if (type === 'add' && item === undefined) into.set(id, { text, isDone: false, isDeleted: false })
  if (item === undefined) return
  if (type === 'rename') item.text = text
  if (type === 'toggle') item.isDone = isDone === true
  if (type === 'delete') item.isDeleted = true
}

/** Anybody may write to the topic, and anything. */
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

/** An event leaves `own` when it is read from the log: when it is sent, it is nowhere for a moment. */
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
  // What somebody is typing is not taken away.
  if (document.activeElement !== input) input.value = text
  input.defaultValue = text
  fitHeight(input)
  checkbox.ariaLabel = `Done: ${text}`
  input.ariaLabel = `Text of ${text}`
  remove.ariaLabel = `Delete ${text}`
}

/** As high as its text, where `field-sizing` is not known: Safari before 26.2. */
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
    say(`Deleted ${input.value}`)
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
  say(`Added ${added}`)
  send(crypto.randomUUID(), { type: 'add', text: added })
})

/** Of a log that is another one, or cleared, nothing is left. */
function startAnew() {
  for (const row of rows.values()) row.remove()
  items = new Map()
  folded = new Set()
  rows.clear()
  own.clear()
  showOwn()
}

log.on('outbox', showOwn)
log.on('storageLost', startAnew)
showStatus(document.getElementById('status'))
showParked((record) => `${parse(record).type} ${parse(record).text}`)
showOwn()
read(TOPIC, { partitions: 1, config: { 'retention.ms': -1 } }, take, startAnew)
