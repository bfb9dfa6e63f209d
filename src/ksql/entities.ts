/** The results of statements as ksqlDB's entities: JSON objects with a type. */
import type {
  FunctionDescription,
  QueryDescription,
  QuerySummary,
  ResultOfStatement,
  SourceDescription,
  StatementResult,
  StatusResult,
} from '../core/sql/statements/statement-results.ts'
import { fieldInfo, schemaInfo } from './schema-info.ts'

/** Returns the entity of a result; undefined: ksqlDB has none, as of INSERT VALUES and SET. */
export function entityOf(result: StatementResult): object | undefined {
  const parts = partsOf(result)
  if (parts === undefined) return undefined
  const [type, fields] = parts
  return { '@type': type, statementText: result.statement, ...fields, warnings: [] }
}

function partsOf(result: ResultOfStatement): readonly [type: string, fields: object] | undefined {
  switch (result.kind) {
    case 'status':
      return ['currentStatus', statusFields(result)]
    case 'inserted':
    case 'session':
      return undefined
    case 'sources':
      return sourceList(result)
    case 'source': {
      const { source, isExtended } = result
      return ['sourceDescription', { sourceDescription: sourceFields(source, isExtended) }]
    }
    case 'topics': {
      const topics = result.topics.map(({ name, partitions }) => ({
        name,
        // Each partition has one copy: the platform keeps more of them by itself.
        replicaInfo: Array.from({ length: partitions }, () => 1),
      }))
      return ['kafka_topics', { topics }]
    }
    case 'queries':
      return ['queries', { queries: result.queries.map(queryFields) }]
    case 'query':
      return ['queryDescription', { queryDescription: queryDescription(result.query) }]
    case 'functions': {
      const functions = result.functions.map(({ name, type }) => ({ name, type, category: type }))
      return ['function_names', { functions }]
    }
    case 'function':
      return ['describe_function', functionFields(result.function)]
    case 'types': {
      const types = result.types.map(({ name, type }) => [name, schemaInfo(type)] as const)
      return ['type_list', { types: Object.fromEntries(types) }]
    }
    case 'properties':
      return ['properties', propertyFields(result)]
    case 'variables':
      return ['variables', { variables: result.variables }]
    case 'assertion': {
      const { topic: topicName, exists } = result
      return ['assert_topic', { topicName, exists }]
    }
  }
}

function statusFields({ commandId, status, message, queryId, sequence }: StatusResult) {
  return {
    commandId,
    commandStatus: { status, message, queryId: queryId ?? null },
    commandSequenceNumber: sequence,
  }
}

function sourceList({
  sourceKind,
  sources,
  isExtended,
}: Extract<ResultOfStatement, { kind: 'sources' }>): readonly [string, object] {
  if (isExtended) {
    const all = sources.map((source) => sourceFields(source, true))
    return ['source_descriptions', { sourceDescriptions: all }]
  }
  const listed = sources.map(({ name, topic, keyFormat, valueFormat, window }) => ({
    ...{ type: sourceKind, name, topic, keyFormat, valueFormat },
    isWindowed: window !== undefined,
  }))
  return sourceKind === 'STREAM' ? ['streams', { streams: listed }] : ['tables', { tables: listed }]
}

function sourceFields(source: SourceDescription, extended: boolean) {
  const queries = (ids: readonly string[]) => ids.map((id) => ({ id, queryType: 'PERSISTENT' }))
  const { name, kind, topic, keyFormat, valueFormat, statement } = source
  return {
    name,
    windowType: source.window?.kind ?? null,
    readQueries: queries(source.readers),
    writeQueries: queries(source.writers),
    fields: source.columns.map(fieldInfo),
    type: kind,
    timestamp: source.timestamp ?? '',
    ...{ statistics: '', errorStats: '', extended, keyFormat, valueFormat, topic },
    partitions: source.partitions ?? 0,
    replication: source.partitions === undefined ? 0 : 1,
    ...{ statement, queryOffsetSummaries: [], sourceConstraints: [], clusterStatistics: [] },
    clusterErrorStats: [],
  }
}

const QUERY_STATES: Record<QuerySummary['status'], string> = {
  starting: 'CREATED',
  running: 'RUNNING',
  paused: 'PAUSED',
  failed: 'ERROR',
  deleting: 'NOT_RUNNING',
  unresponsive: 'UNRESPONSIVE',
}

function queryFields({ id, statement, sink, sinkTopic, status }: QuerySummary) {
  const state = QUERY_STATES[status]
  return {
    ...{ queryString: statement, sinks: [sink], sinkKafkaTopics: [sinkTopic], id },
    ...{ statusCount: { [state]: 1 }, queryType: 'PERSISTENT', state },
  }
}

function queryDescription(query: QueryDescription) {
  const { id, statement, sink, reads, columns, topology, status, error, application } = query
  const state = status === undefined ? null : QUERY_STATES[status]
  return {
    ...{ id, statementText: statement, windowType: null, fields: columns.map(fieldInfo) },
    ...{ sources: reads, sinks: [sink], topology, executionPlan: topology },
    ...{ overriddenProperties: {}, queryType: 'PERSISTENT', state },
    ksqlHostQueryStatus: state === null ? {} : { [HOST]: state },
    queryErrors: error === undefined ? [] : [{ errorMessage: error, type: 'UNKNOWN' }],
    tasksMetadata: application?.tasks ?? [],
    consumerGroupId: application?.name ?? null,
  }
}

/** The name of the one host that clients see. */
export const HOST = 'edgelog:8088'

function functionFields({ name, type, description, signatures }: FunctionDescription) {
  return {
    ...{ name, description, author: 'edgelog', version: '', path: 'internal', type },
    functions: signatures.map((signature) => functionVariant(name, signature)),
  }
}

/** @param signature Such as `LPAD(STRING, INTEGER, STRING) -> STRING`. */
function functionVariant(name: string, signature: string) {
  const end = signature.lastIndexOf(' -> ')
  return {
    arguments: argumentTexts(signature.slice(name.length + 1, end - 1)).map((text) => ({
      name: '',
      type: text.replace('...', ''),
      description: '',
      isVariadic: text.endsWith('...'),
    })),
    returnType: signature.slice(end + 4),
    description: '',
  }
}

/** Cuts a list of types at the commas that are not within brackets. */
function argumentTexts(list: string): string[] {
  const texts: string[] = []
  let depth = 0
  let from = 0
  for (let index = 0; index <= list.length; index++) {
    const character = list[index] ?? ','
    if ('<('.includes(character)) depth++
    if (')'.includes(character) || (character === '>' && list[index - 1] !== '-')) depth--
    if (character !== ',' || depth > 0) continue
    const text = list.slice(from, index).trim()
    if (text !== '') texts.push(text)
    from = index + 1
  }
  return texts
}

function propertyFields({ properties }: Extract<ResultOfStatement, { kind: 'properties' }>) {
  const names = (isDefault: boolean) =>
    properties.filter((one) => one.isDefault === isDefault).map(({ name }) => name)
  return {
    properties: properties.map(({ name, value }) => ({
      ...{ name, scope: 'KSQL', value, editable: true, level: 'QUERY' },
    })),
    overwrittenProperties: names(false),
    defaultProperties: names(true),
  }
}
