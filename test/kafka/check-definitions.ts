/**
 * `node test/kafka/check-definitions.ts FOLDER` prints where our grammars differ from Kafka's message definitions,
 * `clients/src/main/resources/common/message` of its source. Exits with 1 if they do.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALL_MESSAGES, ALL_VERSIONS } from './all-messages.ts'
import { differences, parseDefinition } from './definitions.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node test/kafka/check-definitions.ts FOLDER')
  process.exit(2)
}
const definition = (name: string) =>
  parseDefinition(readFileSync(join(folder, `${name}.json`), 'utf8'))

const lines = ALL_MESSAGES.flatMap((messages) => {
  const { name } = messages
  return differences(messages, definition(`${name}Request`), definition(`${name}Response`))
})
for (const line of lines) console.error(line)
console.log(
  `${ALL_MESSAGES.length} APIs, ${ALL_VERSIONS.length} versions, ${lines.length} differences`,
)
process.exitCode = lines.length === 0 ? 0 : 1
