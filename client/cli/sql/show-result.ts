/** Shows the results of statements that are no queries as tables and texts. */
import type {
  QueryDescription,
  ShownColumn,
  SourceDescription,
  StatementResult,
} from '../../../src/core/sql/statements/statement-results.ts'
import type { SqlStatementResult } from '../../index.ts'
import { count, formatTable, visible } from '../table.ts'
import type { ShownResult } from './output.ts'

/** Returns a result as it is shown; one of a kind that only a later server has, as JSON. */
export function showResult(given: SqlStatementResult): ShownResult {
  const result = given as unknown as StatementResult
  switch (result.kind) {
    case 'status': {
      const { message, status, pending = [] } = result
      const more = pending.length === 0 ? '' : ` (goes on with ${pending.join(', ')})`
      return { text: `${visible(message)}${status === 'EXECUTING' ? more : ''}` }
    }
    case 'inserted':
      return { text: `inserted into ${result.topic}-${result.partition} at ${result.offset}` }
    case 'sources':
      if (result.isExtended) {
        return { text: result.sources.map((source) => sourceText(source, true)).join('\n\n') }
      }
      return sourceTable(result.sources, result.sourceKind)
    case 'source':
      return { text: sourceText(result.source, result.isExtended) }
    case 'query':
      return { text: queryText(result.query) }
    case 'function': {
      const { name, type, description, signatures } = result.function
      return { text: [`${name} (${type})`, description, ...signatures].map(visible).join('\n') }
    }
    case 'session': {
      const { change, name, value } = result
      return { text: visible(value === undefined ? `${change} ${name}` : `${name} = ${value}`) }
    }
    case 'assertion':
      return {
        text: visible(`topic ${result.topic} ${result.exists ? 'exists' : 'does not exist'}`),
      }
    default:
      return listTable(result)
  }
}

type Lists = Extract<
  StatementResult,
  { kind: 'topics' | 'queries' | 'functions' | 'types' | 'properties' | 'variables' }
>

function listTable(result: Lists): ShownResult {
  switch (result.kind) {
    case 'topics':
      return table(
        ['TOPIC', 'PARTITIONS'],
        result.topics.map(({ name, partitions }) => [name, partitions]),
        'no topics',
      )
    case 'queries':
      return table(
        ['QUERY', 'STATUS', 'WRITES', 'READS', 'STATEMENT'],
        result.queries.map(({ id, status, sink, reads, statement }) => [
          ...[id, status, sink, reads.join(' '), oneLine(statement)],
        ]),
        'no queries',
        result.queries.flatMap(({ id, error }) => (error === undefined ? [] : [`${id}: ${error}`])),
      )
    case 'functions':
      return table(
        ['FUNCTION', 'TYPE'],
        result.functions.map(({ name, type }) => [name, type]),
        'no functions',
      )
    case 'types':
      return table(
        ['TYPE', 'DEFINITION'],
        result.types.map(({ name, type }) => [name, type]),
        'no types',
      )
    case 'properties':
      return table(
        ['PROPERTY', 'VALUE', 'SET'],
        result.properties.map(({ name, value, isDefault }) => [
          name,
          value,
          isDefault ? 'no' : 'yes',
        ]),
        'no properties',
      )
    case 'variables':
      return table(
        ['VARIABLE', 'VALUE'],
        result.variables.map(({ name, value }) => [name, value]),
        'no variables',
      )
    default:
      return { text: visible(JSON.stringify(result)) }
  }
}

function table(
  header: readonly string[],
  rows: ReadonlyArray<readonly (string | number)[]>,
  none: string,
  notes: readonly string[] = [],
): ShownResult {
  const text = rows.length === 0 ? none : notes.map(visible).join('\n')
  return { header, rows, text }
}

function sourceTable(sources: readonly SourceDescription[], kind: 'STREAM' | 'TABLE'): ShownResult {
  const rows = sources.map(({ name, topic, keyFormat, valueFormat, window }) => [
    ...[name, topic, keyFormat, valueFormat, window?.kind ?? '-'],
  ])
  const none = kind === 'STREAM' ? 'no streams' : 'no tables'
  return table([kind, 'TOPIC', 'KEY', 'VALUE', 'WINDOW'], rows, none)
}

function sourceText(source: SourceDescription, isExtended: boolean): string {
  const { name, kind, topic, keyFormat, valueFormat, window, partitions, timestamp } = source
  const parts = partitions === undefined ? '' : `, ${count(partitions, 'partition')}`
  const lines = [
    visible(`${name}: ${kind}, topic ${topic}${parts}, key ${keyFormat}, value ${valueFormat}`),
    columnTable(source.columns),
  ]
  if (window !== undefined) {
    const size = window.sizeMs === undefined ? '' : ` of ${window.sizeMs} ms`
    lines.push(`windows: ${window.kind}${size}`)
  }
  if (timestamp !== undefined) lines.push(visible(`timestamp: ${timestamp}`))
  if (!isExtended) return lines.join('\n')
  const { readers, writers, statement, isReadOnly } = source
  lines.push(`read by: ${listed(readers)}`, `written by: ${listed(writers)}`)
  if (isReadOnly) lines.push('read-only')
  lines.push('', ...statement.split('\n').map(visible))
  return lines.join('\n')
}

function queryText({
  id,
  status,
  error,
  sink,
  sinkTopic,
  reads,
  columns,
  topology,
  statement,
  application,
}: QueryDescription): string {
  const lines = [
    visible(`${id}${status === undefined ? '' : `: ${status}`}`),
    ...statement.split('\n').map(visible),
    '',
    visible(`reads ${listed(reads)}${sink === '' ? '' : `, writes ${sink} to topic ${sinkTopic}`}`),
    columnTable(columns),
    '',
    ...topology.split('\n').map(visible),
  ]
  if (error !== undefined) lines.push('', visible(error))
  if (application !== undefined && application.tasks.length > 0) {
    const rows = application.tasks.map(({ sub, partition, ...task }) => {
      const lag = task.inputs.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0)
      return [`${sub}_${partition}`, task.status, task.recordsCount, lag, task.stateBytes] as const
    })
    lines.push('', formatTable(['TASK', 'STATUS', 'RECORDS', 'LAG', 'STATE BYTES'], rows))
  }
  return lines.join('\n')
}

function columnTable(columns: readonly ShownColumn[]): string {
  const rows = columns.map(({ name, type, part, header }) => {
    const from = part === 'headers' && header !== undefined ? `header ${header}` : part
    return [name, type, from] as const
  })
  return formatTable(['COLUMN', 'TYPE', 'PART'], rows)
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
