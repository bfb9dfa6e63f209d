/**
 * Caches the pages and the client, so that they open without a network. It does not cache the log's
 * records: the client keeps those in IndexedDB.
 */
import { flushOnSync } from './edgelog/service-worker.js'

// Sends queued records after the pages are closed, if the browser has Background Sync.
flushOnSync({})

const CACHE = 'edgelog-examples'
const PAGES = ['./', './todo/', './clickstream/', './leaderboard/']
/** Time to wait for a slow network before the cached copy is used. */
const NETWORK_MS_MAX = 3_000
/** Matches chunks; their name contains a hash of their content, so they never change. */
const CHUNK = /-[A-Z0-9]{8}\.js$/
/** Matches the files that a page or a module refers to; here all these paths begin with a dot. */
const NAMED = /["'](\.{1,2}\/[\w./-]+\.(?:js|css|svg))["']/g

self.addEventListener('install', (event) => {
  event.waitUntil(Promise.all(PAGES.map((page) => fetchAndKeep(new URL(page, location)))))
  self.skipWaiting()
})

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('fetch', (event) => {
  const { method, url } = event.request
  const isOurs = method === 'GET' && url.startsWith(new URL('./', location).href)
  if (isOurs) event.respondWith(respond(event))
})

async function respond(event) {
  const { url } = event.request
  const kept = await caches.match(url, { ignoreSearch: true })
  if (kept !== undefined && CHUNK.test(url)) return kept
  const fetching = fetchAndKeep(new URL(url))
  event.waitUntil(fetching.catch(() => undefined))
  if (kept === undefined) return await fetching
  const late = new Promise((resolve) => setTimeout(resolve, NETWORK_MS_MAX, kept))
  return await Promise.race([fetching, late]).catch(() => kept)
}

/** Caches a response and all files that it refers to, so that a page always has its modules. */
async function fetchAndKeep(url) {
  const response = await fetch(url, { cache: 'no-cache' })
  // Treats a starting server, or a proxy without one, like a missing network.
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
