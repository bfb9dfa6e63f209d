/** The grammars of all APIs, collected from every file in `src/kafka/apis`, so that none can be missed. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from '../../src/core/kafka/sasl-messages.ts'
import type { Messages } from '../../src/core/kafka/schema.ts'

const APIS = join(import.meta.dirname, '../../src/kafka/apis')

export const ALL_MESSAGES: readonly Messages[] = [
  SASL_HANDSHAKE,
  SASL_AUTHENTICATE,
  ...(await messagesOfApis()),
].sort((a, b) => a.key - b.key)

/** Each served version of each API. */
export const ALL_VERSIONS = ALL_MESSAGES.flatMap((messages) => {
  const [first, last] = messages.versions
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const version = first + index
    return { title: `${messages.name} v${version}`, messages, version }
  })
})

async function messagesOfApis(): Promise<Messages[]> {
  const found: Messages[] = []
  for (const file of readdirSync(APIS)) {
    const module: Record<string, unknown> = await import(pathToFileURL(join(APIS, file)).href)
    found.push(...Object.values(module).filter(isMessages))
  }
  return found
}

function isMessages(value: unknown): value is Messages {
  return typeof value === 'object' && value !== null && 'codecs' in value && 'versions' in value
}
