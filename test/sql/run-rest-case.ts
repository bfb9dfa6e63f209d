/** Runs a case of the REST API against a server: statements, records in, and the rows of queries out. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type CatalogState, EMPTY_CATALOG } from '../../src/core/sql/catalog/catalog-state.ts'
import type { Source } from '../../src/core/sql/catalog/source.ts'
import { SqlError } from '../../src/core/sql/errors.ts'
import { WHOLE_LANGUAGE } from '../../src/core/sql/expressions/whole-language.ts'
import { type JsonValue, parseJson } from '../../src/core/sql/formats/json-reader.ts'
import { execute, isChange } from '../../src/core/sql/statements/execute.ts'
import { parseStatement } from '../../src/core/sql/syntax/parse-statement.ts'
import { splitStatements } from '../../src/core/sql/syntax/statement-text.ts'
import { type BytesRecord, difference, inputBytes, isSame, textOfJson } from './case-records.ts'
import type { CaseResult } from './run-case.ts'
import type { CaseRecord, SqlCase } from './sql-case.ts'

/** Time for the rows of a query to be as expected: queries follow their topics. */
const ROWS_WAIT_MS = 8_000
const ROWS_PAUSE_MS = 50
/** Partitions of topics for which no number is given, as ksqlDB creates them for its cases. */
const PARTITIONS = 4

const ENVIRONMENT = { nowMs: Date.now, random: Math.random, ...WHOLE_LANGUAGE }

/** `message`: the one of an expected refusal; `hasMessage`: it has the expected one. */
export type RestResult = CaseResult & { readonly message?: string; readonly hasMessage?: boolean }

interface Refusal {
  readonly status: number
  readonly message: string
}

/** A record as the server shows it. */
interface ShownRecord {
  readonly key?: string | null
  readonly keyBase64?: string
  readonly value?: string | null
  readonly valueBase64?: string
  readonly timestamp: number
}

type Row = { readonly [name: string]: JsonValue }

export async function runRestCase(one: SqlCase, url: string): Promise<RestResult> {
  const run = new RestCaseRun(one, url)
  await run.clear()
  const failed = await run.run().catch((error: Error) => error)
  const { expectedError } = one
  if (failed instanceof Error) return { kind: 'failed', error: failed.message }
  if (expectedError === null || expectedError === undefined) {
    if (failed === undefined) return { kind: 'passed' }
    return { kind: 'failed', error: `refused with ${failed.status}: ${failed.message}` }
  }
  const { message = '', status = 400 } = expectedError
  if (failed === undefined) return { kind: 'failed', error: `was not refused: ${message}` }
  if (failed.status !== status) return { kind: 'failed', error: `status ${failed.status}` }
  return { kind: 'passed', message: failed.message, hasMessage: failed.message.includes(message) }
}

class RestCaseRun {
  readonly #case: SqlCase
  readonly #url: string
  readonly #properties: Readonly<Record<string, JsonValue>>
  #state: CatalogState = EMPTY_CATALOG

  constructor(one: SqlCase, url: string) {
    this.#case = one
    this.#url = url
    this.#properties = { 'auto.offset.reset': 'earliest', ...one.properties }
  }

  async clear(): Promise<void> {
    const { status, text } = await this.#post('/ksqldb/ksql/terminate', '{}')
    if (status !== 200) throw new Error(`terminate: ${text}`)
    const response = await fetch(`${this.#url}/v1/topics`)
    const { topics } = (await response.json()) as { topics: { name: string }[] }
    for (const { name } of topics) {
      await fetch(`${this.#url}/v1/topics/${encodeURIComponent(name)}`, { method: 'DELETE' })
    }
  }

  /** Returns the refusal of a statement; an Error says what else is wrong. */
  async run(): Promise<Refusal | Error | undefined> {
    const { statements, responses = [], inputConditions } = this.#case
    const isQuery = (text: string) => /^\s*SELECT\b/i.test(text)
    const queries = statements.filter(isQuery)
    const others = statements.filter((text) => !isQuery(text))
    this.#follow(others)
    await this.#createTopics()
    const entities: JsonValue[] = []
    for (const text of others) {
      const { status, text: answer } = await this.#ksql('/ksqldb/ksql', text)
      if (status !== 200) return refusalOf(status, answer)
      entities.push(...(parseJson(answer) as readonly JsonValue[]))
    }
    const wanted = responses.flatMap(({ admin }) => (admin === undefined ? [] : [admin]))
    const wrong = wrongEntity(wanted, entities)
    if (wrong !== undefined) return new Error(wrong)
    const wantedRows = responses.flatMap(({ query }) => (query === undefined ? [] : [query]))
    const waits = inputConditions?.waitForActivePushQuery === true
    if (!waits) await this.#produceInputs()
    for (const [index, text] of queries.entries()) {
      const failed = await this.#compareQuery(text, wantedRows[index], waits)
      if (failed !== undefined) return failed
    }
    return await this.#compareOutputs()
  }

  /** Follows the statements in a catalog of its own, which has the types of the records. */
  #follow(statements: readonly string[]): void {
    try {
      for (const text of statements) {
        for (const one of splitStatements(text)) {
          const statement = parseStatement(one, (name) => this.#state.types[name])
          if (!isChange(statement)) continue
          const context = { environment: ENVIRONMENT, defaults: {} }
          this.#state = execute(this.#state, statement, one.text, context).state
        }
      }
    } catch (error) {
      // The server refuses it as well, which is compared.
      if (!(error instanceof SqlError)) throw error
    }
  }

  /** Creates the topics that no query writes, as ksqlDB's own runner does. */
  async #createTopics(): Promise<void> {
    const sources = Object.values(this.#state.sources)
    const partitions = new Map<string, number>()
    for (const { topic } of this.#case.inputs) partitions.set(topic, PARTITIONS)
    for (const text of this.#case.statements) {
      const [, topic] = /KAFKA_TOPIC\s*=\s*'([^']*)'/i.exec(text) ?? []
      const [, count] = /\bPARTITIONS\s*=\s*(\d+)/i.exec(text) ?? []
      if (topic !== undefined) partitions.set(topic, Number(count ?? PARTITIONS))
    }
    for (const { name, partitions: count } of this.#case.topics) {
      partitions.set(name, count ?? PARTITIONS)
    }
    for (const [name, count] of partitions) {
      const own = sources.filter(({ topic }) => topic === name)
      if (own.some(({ queryId }) => queryId !== undefined)) continue
      const isRead = own.some(({ isReadOnly, kind }) => isReadOnly && kind === 'TABLE')
      const config = isRead ? { 'cleanup.policy': 'compact', 'edgelog.table.enable': 'true' } : {}
      const body = { name, partitions: count, config }
      const { status, text } = await this.#post('/v1/topics', JSON.stringify(body))
      if (status !== 201) throw new Error(`create ${name}: ${text}`)
    }
  }

  /** Sends the records one after the other, so that queries take each by itself. */
  async #produceInputs(): Promise<void> {
    for (const input of this.#case.inputs) await this.#produce(input)
  }

  async #produce(input: CaseRecord): Promise<void> {
    const { topic } = input
    const { key, value, timestamp, headers = [] } = inputBytes(input, this.#sourceOf(topic))
    const base64 = (bytes: Uint8Array | null) =>
      bytes === null ? null : Buffer.from(bytes).toString('base64')
    const record = {
      ...(key === null ? {} : { keyBase64: base64(key) }),
      ...(value === null ? { value } : { valueBase64: base64(value) }),
      headersBase64: headers.map((one) => [one.key, base64(one.value)]),
      timestamp,
    }
    const path = `/v1/topics/${encodeURIComponent(topic)}/records`
    const { status, text } = await this.#post(path, JSON.stringify({ records: [record] }))
    if (status !== 200) throw new Error(`produce to ${topic}: ${text}`)
  }

  #sourceOf(topic: string): Source {
    const source = Object.values(this.#state.sources).find((one) => one.topic === topic)
    if (source === undefined) throw new Error(`no source has the topic ${topic}`)
    return source
  }

  async #compareQuery(
    text: string,
    wanted: readonly JsonValue[] | undefined,
    waits: boolean,
  ): Promise<Refusal | Error | undefined> {
    const isPush = /\bEMIT\b/i.test(text)
    const deadlineMs = Date.now() + ROWS_WAIT_MS
    for (;;) {
      const onHead = waits ? () => this.#produceInputs() : undefined
      const { status, text: answer } = await this.#ksql('/ksqldb/query', text, onHead)
      if (status !== 200) return refusalOf(status, answer)
      if (wanted === undefined) return undefined
      const difference = this.#rowsDifference(wanted, answer)
      if (difference === undefined) return undefined
      if (isPush || Date.now() > deadlineMs) return new Error(`${text}: ${difference}`)
      await sleep(ROWS_PAUSE_MS)
    }
  }

  #rowsDifference(wanted: readonly JsonValue[], answer: string): string | undefined {
    // A query that was ended has no end of its array.
    const text = answer.trimEnd()
    const rows = parseJson(
      text.endsWith(']') ? text : `${text.replace(/,$/, '')}]`,
    ) as readonly Row[]
    if (rows.length !== wanted.length) {
      return `${rows.length} elements, expected ${wanted.length}: ${answer.slice(0, 300)}`
    }
    const ordered = this.#case.outputConditions?.verifyOrder === true
    const left = [...rows]
    for (const one of wanted as readonly Row[]) {
      const index = ordered ? 0 : left.findIndex((row) => isElement(one, row))
      const found = left[index]
      if (found === undefined || !isElement(one, found)) {
        return `expected ${textOfJson(one)}, got ${answer.slice(0, 500)}`
      }
      left.splice(index, 1)
    }
    return undefined
  }

  async #compareOutputs(): Promise<Error | undefined> {
    for (const topic of new Set(this.#case.outputs.map((output) => output.topic))) {
      const wanted = this.#case.outputs.filter((output) => output.topic === topic)
      const records = await this.#recordsOf(topic)
      if (records.length !== wanted.length) {
        return new Error(`${topic}: ${records.length} records, expected ${wanted.length}`)
      }
      for (const [index, actual] of records.entries()) {
        const wrong = difference(wanted[index] as CaseRecord, actual, this.#sourceOf(topic))
        if (wrong !== undefined) return new Error(`${topic}, record ${index}: ${wrong}`)
      }
    }
    return undefined
  }

  async #recordsOf(topic: string): Promise<BytesRecord[]> {
    const bytes = (text: string | null | undefined, base64: string | undefined) =>
      base64 !== undefined
        ? new Uint8Array(Buffer.from(base64, 'base64'))
        : text == null
          ? null
          : new TextEncoder().encode(text)
    const path = `/v1/topics/${encodeURIComponent(topic)}`
    const described = await fetch(`${this.#url}${path}`)
    const { partitions } = (await described.json()) as { partitions: number }
    const all: BytesRecord[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const response = await fetch(
        `${this.#url}${path}/partitions/${partition}/records?offset=earliest`,
      )
      const { records } = (await response.json()) as { records: ShownRecord[] }
      for (const { key, keyBase64, value, valueBase64, timestamp } of records) {
        all.push({ key: bytes(key, keyBase64), value: bytes(value, valueBase64), timestamp })
      }
    }
    return all
  }

  #ksql(path: string, ksql: string, onHead?: () => Promise<void>) {
    const body = { ksql, streamsProperties: this.#properties }
    return this.#post(path, JSON.stringify(body), onHead)
  }

  /** @param onHead Called once the response has begun. */
  async #post(path: string, body: string, onHead?: () => Promise<void>) {
    const response = await fetch(`${this.#url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      signal: AbortSignal.timeout(ROWS_WAIT_MS),
    })
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const part of response.body ?? []) {
        const isHead = text === ''
        text += decoder.decode(part, { stream: true })
        if (isHead) await onHead?.()
      }
    } catch (error) {
      if ((error as Error).name !== 'TimeoutError') throw error
    }
    return { status: response.status, text }
  }
}

function refusalOf(status: number, text: string): Refusal {
  const { message = text } = JSON.parse(text) as { message?: string }
  return { status, message }
}

function wrongEntity(wanted: readonly Row[], entities: readonly JsonValue[]): string | undefined {
  for (const [index, one] of wanted.entries()) {
    const found = entities[index]
    if (found === undefined || !isSubset(one, found)) {
      return `expected ${textOfJson(one)}, got ${textOfJson(found)}`
    }
  }
  return undefined
}

function isSubset(wanted: JsonValue, found: JsonValue): boolean {
  const isObject = typeof wanted === 'object' && wanted !== null && wanted.constructor === Object
  if (!isObject) return isSame(wanted, found)
  const fields = found as Row
  return Object.entries(wanted).every(
    ([name, one]) =>
      fields !== null && Object.hasOwn(fields, name) && isSubset(one, fields[name] as JsonValue),
  )
}

/** Compares an element of a query's result. `name|starts_with` is the beginning of a text. */
function isElement(wanted: Row, found: Row): boolean {
  if (wanted.header === undefined) return isSame(wanted, found)
  const header = (found.header ?? {}) as Row
  return Object.entries(wanted.header as Row).every(([given, one]) => {
    const [name = '', operator] = given.split('|')
    const value = header[name] ?? null
    return operator === 'starts_with' ? String(value).startsWith(String(one)) : isSame(one, value)
  })
}
