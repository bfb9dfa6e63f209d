/**
 * Runs a topology until it is killed. It uses the built package.
 *
 *     node killed-process.ts URL NAME FILE
 */
const dist = new URL('../../../dist/', import.meta.url)
const { connect } = await import(new URL('client.js', dist).href)
const { runTopology } = await import(new URL('streams.js', dist).href)
const { copiesAndCounts } = await import('./copies-and-counts.ts')

const [url, name, file] = process.argv.slice(2)
const running = await runTopology(copiesAndCounts(name as string), connect({ url }), {
  storage: { file },
})
await running.idle()
console.log('idle')
