import { createServer } from 'node:net'

/** Ports that systems do not give to outgoing connections, which would take one between the check and its use. */
const FIRST_PORT = 10_000
const PORTS = 20_000
const ATTEMPTS_MAX = 100

/** Resolves to a currently unused port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port after ${ATTEMPTS_MAX} attempts`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
