/**
 * Keeps the pages and the client in the browser, so that they open without a network. The log's
 * records are no business of this worker: the client keeps those in IndexedDB.
 */
import { flushOnSync } from './edgelog/service-worker.js'

// What is queued is sent although the pages are closed, where the browser has Background Sync.
flushOnSync({})

const CACHE = 'edgelog-examples'
const PAGES = ['./', './todo/', './clickstream/']
/** A slow network is waited for that long when there is a copy. */
const NETWORK_MS_MAX = 3_000
/** Chunks bear a hash of what they hold, so they never change. */
const CHUNK = /-[A-Z0-9]{8}\.js$/
/** What a page or a module names: scripts, imports, styles, icons; all begin with a dot here. */
const NAMED = /["'](\.{1,2}\/[\w./-]+\.(?:js|css|svg))["']/g

self.addEventListener('install', (event) => {
  event.waitUntil(Promise.all(PAGES.map((page) => fetchAndKeep(new URL(page, location)))))
  self.skipWaiting()
})

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('fetch', (event) => {
  const { method, url } = event.request
  const isOurs = method === 'GET' && url.startsWith(new URL('./', location).href)
  if (isOurs) event.respondWith(answer(event))
})

async function answer(event) {
  const { url } = event.request
  const kept = await caches.match(url, { ignoreSearch: true })
  if (kept !== undefined && CHUNK.test(url)) return kept
  const fetching = fetchAndKeep(new URL(url))
  event.waitUntil(fetching.catch(() => undefined))
  if (kept === undefined) return await fetching
  const late = new Promise((resolve) => setTimeout(resolve, NETWORK_MS_MAX, kept))
  return await Promise.race([fetching, late]).catch(() => kept)
}

/** Keeps an answer and all that it names, so that a page never comes without its modules. */
async function fetchAndKeep(url) {
  const response = await fetch(url, { cache: 'no-cache' })
  // A server that is coming up, or a proxy without one: no better than no network.
  if (response.status >= 500) throw new Error(`${url}: ${response.status}`)
  if (response.redirected) return Response.redirect(response.url)
  if (!response.ok) return response
  const cache = await caches.open(CACHE)
  await cache.put(url, response.clone())
  const text = await response.clone().text()
  await Promise.all(
    [...text.matchAll(NAMED)].map(async ([, name]) => {
      const named = new URL(name, url)
      if (!(await cache.match(named))) await fetchAndKeep(named)
    }),
  )
  return response
}
