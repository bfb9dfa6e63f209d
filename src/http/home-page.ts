/**
 * The page at `/`: what this server is, its topics, and the records of one of them as they come. It is plain HTML, so
 * that it costs a Worker some kilobytes; the page's script calls the API as any other client.
 */
import type { App } from '../app/route.ts'

export const HOME_PATH = '/'

export function addHomePage(app: App): void {
  app.get(HOME_PATH, (c) => {
    const nonce = crypto.randomUUID()
    return c.html(page(nonce), 200, { 'Content-Security-Policy': policy(nonce) })
  })
}

function policy(nonce: string): string {
  const ownCode = `style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'`
  return `default-src 'none'; img-src data:; ${ownCode}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

function page(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>edgelog</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
<h1>edgelog</h1>
<p>Apache Kafka's log on Cloudflare Workers. This is a server: its
<a href="/v1/openapi.json">HTTP API</a> serves topics, records and consumer groups.
<span id="examples" hidden>The <a href="/examples/">examples</a> are pages that work offline.</span>
<a href="https://github.com/edgelog/edgelog#readme">Documentation</a></p>
<form id="access" hidden>
<label for="token">Token of this server</label>
<input id="token" type="password" autocomplete="off" required>
<button>Show topics</button>
</form>
<p id="message" role="status"></p>
<section id="log" hidden>
<h2>Topics</h2>
<p id="empty" hidden>There is no topic yet. Create one:
<code>npx edgelog topics create orders</code></p>
<ul id="topics"></ul>
<h2 id="title" hidden></h2>
<table hidden><thead><tr><th>Partition</th><th>Offset</th><th>Key</th><th>Value</th></tr></thead>
<tbody id="records"></tbody></table>
</section>
</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; } h2 { font-size: 1.1rem; margin: 1.5rem 0 0.5rem; }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.5rem; }
button, input { font: inherit; padding: 0.3rem 0.7rem; }
button[aria-pressed=true] { outline: 2px solid; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; padding: 0.2rem 0.5rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
th:nth-child(-n+2), td:nth-child(-n+2) { width: 6rem; font-variant-numeric: tabular-nums; }
th:nth-child(3) { width: 25%; }
`

/** The records that the page shows at most. */
const SHOWN_MAX = 50

const SCRIPT = `
const by = (id) => document.getElementById(id)
const [table] = document.getElementsByTagName('table')
let token = ''
let following

async function call(path, options = {}) {
  const headers = { ...options.headers, ...(token && { Authorization: 'Bearer ' + token }) }
  const response = await fetch(path, { ...options, headers })
  if (response.ok) return response
  const { error } = await response.json().catch(() => ({}))
  if (response.status === 401) by('access').hidden = false
  throw new Error(error ? error.message : 'The server responded with ' + response.status)
}

async function showTopics() {
  const { topics } = await (await call('/v1/topics')).json()
  by('access').hidden = true
  by('log').hidden = false
  by('empty').hidden = topics.length > 0
  by('topics').replaceChildren(...topics.map(({ name, partitions }) => {
    const button = document.createElement('button')
    button.textContent = name
    button.title = partitions === 1 ? '1 partition' : partitions + ' partitions'
    button.ariaPressed = false
    button.onclick = () => follow(name, button).catch(report)
    const item = document.createElement('li')
    item.append(button)
    return item
  }))
}

async function follow(name, button) {
  following?.abort()
  const { signal } = following = new AbortController()
  for (const other of by('topics').querySelectorAll('button')) other.ariaPressed = other === button
  by('title').textContent = name + ', live'
  by('title').hidden = table.hidden = false
  by('records').replaceChildren()
  by('message').textContent = ''
  const path = '/v1/topics/' + name + '/records?offset=earliest'
  const { body } = await call(path, { signal, headers: { Accept: 'text/event-stream' } })
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (text + part.value).split('\\n')
    text = lines.pop()
    for (const line of lines) if (line.startsWith('data: ')) show(JSON.parse(line.slice(6)))
  }
}

function show({ partition, offset, key, keyBase64, value, valueBase64 }) {
  const row = document.createElement('tr')
  for (const cell of [partition, offset, key ?? keyBase64 ?? '', value ?? valueBase64 ?? 'null']) {
    row.insertCell().textContent = cell
  }
  by('records').prepend(row)
  if (by('records').rows.length > ${SHOWN_MAX}) by('records').lastChild.remove()
}

function report(error) {
  if (error.name !== 'AbortError') by('message').textContent = error.message
}

by('access').onsubmit = (event) => {
  event.preventDefault()
  token = by('token').value
  by('message').textContent = ''
  showTopics().catch(report)
}
showTopics().catch(report)
fetch('/examples/').then(({ ok }) => { by('examples').hidden = !ok }, () => {})
`
