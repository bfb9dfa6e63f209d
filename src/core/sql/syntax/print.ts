/** Returns statements as text. `parse(print(statement))` is the statement, apart from the places of its names. */
import { Decimal } from '../types/decimal.ts'
import { quoteName, showType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type {
  ColumnDefinition,
  Duration,
  Expression,
  JoinClause,
  Properties,
  Query,
  SelectItem,
  SourceReference,
  Statement,
  WindowClause,
} from './ast.ts'

/** Returns the text of an expression. Two expressions that are the same have the same text. */
export function printExpression(expression: Expression): string {
  const print = printExpression
  const not = 'isNot' in expression && expression.isNot ? 'NOT ' : ''
  switch (expression.kind) {
    case 'literal':
      return expression.type?.kind === 'DOUBLE'
        ? printDouble(expression.value as number)
        : printValue(expression.value)
    case 'column': {
      const { source, name } = expression
      return source === undefined ? quoteName(name) : `${quoteName(source)}.${quoteName(name)}`
    }
    case 'call': {
      const { name, parameters } = expression
      const isCountAll = name === 'COUNT' && parameters.length === 0
      return `${quoteName(name)}(${isCountAll ? '*' : parameters.map(print).join(', ')})`
    }
    case 'lambda':
      return `(${expression.names.map(quoteName).join(', ')}) => ${print(expression.body)}`
    case 'case': {
      const { operand, branches, otherwise } = expression
      const whens = branches.map(({ when, result }) => ` WHEN ${print(when)} THEN ${print(result)}`)
      const head = operand === undefined ? '' : ` ${print(operand)}`
      const tail = otherwise === undefined ? '' : ` ELSE ${print(otherwise)}`
      return `(CASE${head}${whens.join('')}${tail} END)`
    }
    case 'field':
      return `${print(expression.of)}->${quoteName(expression.name)}`
    case 'subscript':
      return `${print(expression.of)}[${print(expression.index)}]`
    case 'negate':
      return `(- ${print(expression.of)})`
    case 'not':
      return `(NOT ${print(expression.of)})`
    case 'arithmetic':
    case 'comparison':
      return `(${print(expression.left)} ${expression.operator} ${print(expression.right)})`
    case 'distinct':
      return `(${print(expression.left)} IS ${not}DISTINCT FROM ${print(expression.right)})`
    case 'and':
    case 'or':
      return `(${print(expression.left)} ${expression.kind.toUpperCase()} ${print(expression.right)})`
    case 'is-null':
      return `(${print(expression.of)} IS ${not}NULL)`
    case 'between': {
      const { of, low, high } = expression
      return `(${print(of)} ${not}BETWEEN ${print(low)} AND ${print(high)})`
    }
    case 'in':
      return `(${print(expression.of)} ${not}IN (${expression.list.map(print).join(', ')}))`
    case 'like': {
      const { of, pattern, escapedBy } = expression
      const tail = escapedBy === undefined ? '' : ` ESCAPE ${printValue(escapedBy)}`
      return `(${print(of)} ${not}LIKE ${print(pattern)}${tail})`
    }
    case 'cast':
      return `CAST(${print(expression.of)} AS ${showType(expression.type)})`
    case 'array':
      return `ARRAY[${expression.elements.map(print).join(', ')}]`
    case 'map': {
      const entries = expression.entries.map(({ key, value }) => `${print(key)} := ${print(value)}`)
      return `MAP(${entries.join(', ')})`
    }
    case 'struct': {
      const fields = expression.fields.map(
        ({ name, value }) => `${quoteName(name)} := ${print(value)}`,
      )
      return `STRUCT(${fields.join(', ')})`
    }
    case 'unit':
      return expression.unit
  }
}

function printValue(value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  if (value instanceof Decimal) return value.scale === 0 ? `${value}.` : value.toString()
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value)
  return printDouble(value as number)
}

/** A double has an exponent, which tells it from other numbers. */
function printDouble(value: number): string {
  return Object.is(value, -0) ? '-0e0' : value.toExponential()
}

export function printQuery(query: Query): string {
  const { select, from, joins, window, where, groupBy, partitionBy, having, emit, limit } = query
  const list = (items: readonly Expression[]) => `(${items.map(printExpression).join(', ')})`
  return [
    `SELECT ${select.map(printItem).join(', ')}`,
    ` FROM ${printSource(from)}`,
    ...joins.map(printJoin),
    window === undefined ? '' : ` WINDOW ${printWindow(window)}`,
    where === undefined ? '' : ` WHERE ${printExpression(where)}`,
    partitionBy === undefined ? '' : ` PARTITION BY ${list(partitionBy)}`,
    groupBy === undefined ? '' : ` GROUP BY ${list(groupBy)}`,
    having === undefined ? '' : ` HAVING ${printExpression(having)}`,
    emit === undefined ? '' : ` EMIT ${emit}`,
    limit === undefined ? '' : ` LIMIT ${limit}`,
  ].join('')
}

function printItem(item: SelectItem): string {
  if (item.kind === 'all') return item.source === undefined ? '*' : `${quoteName(item.source)}.*`
  if (item.kind === 'all-fields') return `${printExpression(item.of)}->*`
  const { expression, alias } = item
  const text = printExpression(expression)
  return alias === undefined ? text : `${text} AS ${quoteName(alias)}`
}

function printSource({ name, alias }: SourceReference): string {
  return name === alias ? quoteName(name) : `${quoteName(name)} AS ${quoteName(alias)}`
}

function printJoin({ type, source, within, on }: JoinClause): string {
  const window = within === undefined ? '' : printWithin(within)
  return ` ${type} JOIN ${printSource(source)}${window} ON ${printExpression(on)}`
}

function printWithin({ before, after, grace }: NonNullable<JoinClause['within']>): string {
  const tail = grace === undefined ? '' : ` GRACE PERIOD ${printDuration(grace)}`
  return ` WITHIN (${printDuration(before)}, ${printDuration(after)})${tail}`
}

function printWindow({ kind, size, advanceBy, retention, grace }: WindowClause): string {
  const parts = [
    kind === 'SESSION' ? printDuration(size) : `SIZE ${printDuration(size)}`,
    ...(advanceBy === undefined ? [] : [`ADVANCE BY ${printDuration(advanceBy)}`]),
    ...(retention === undefined ? [] : [`RETENTION ${printDuration(retention)}`]),
    ...(grace === undefined ? [] : [`GRACE PERIOD ${printDuration(grace)}`]),
  ]
  return `${kind} (${parts.join(', ')})`
}

function printDuration({ amount, unit }: Duration): string {
  return `${amount} ${unit}`
}

function printProperties(properties: Properties): string {
  if (properties.size === 0) return ''
  const parts = [...properties].map(([name, value]) => `${quoteName(name)}=${printValue(value)}`)
  return ` WITH (${parts.join(', ')})`
}

function printColumn({ name, type, role }: ColumnDefinition): string {
  const text = `${quoteName(name)} ${showType(type)}`
  if (role === undefined) return text
  return `${text} ${typeof role === 'object' ? `HEADER(${printValue(role.header)})` : role}`
}

/** Returns the text of a statement, with the semicolon. */
export function printStatement(statement: Statement): string {
  return `${printBody(statement)};`
}

function printBody(statement: Statement): string {
  const name = 'name' in statement ? quoteName(statement.name) : ''
  switch (statement.kind) {
    case 'query':
      return printQuery(statement)
    case 'create-source':
    case 'create-as': {
      const { orReplace, ifNotExists, sourceKind, properties } = statement
      const isReadOnly = statement.kind === 'create-source' && statement.isReadOnly
      const head = `CREATE${orReplace ? ' OR REPLACE' : ''}${isReadOnly ? ' SOURCE' : ''} ${sourceKind}`
      const own = `${head}${ifNotExists ? ' IF NOT EXISTS' : ''} ${name}`
      const tail = printProperties(properties)
      if (statement.kind === 'create-as') return `${own}${tail} AS ${printQuery(statement.query)}`
      const { columns } = statement
      return `${own}${columns.length === 0 ? '' : ` (${columns.map(printColumn).join(', ')})`}${tail}`
    }
    case 'insert-into': {
      const { target, properties, query } = statement
      return `INSERT INTO ${quoteName(target)}${printProperties(properties)} ${printQuery(query)}`
    }
    case 'insert-values':
      return `INSERT INTO ${printValues(statement, 'VALUES')}`
    case 'create-type':
      return `CREATE TYPE ${statement.ifNotExists ? 'IF NOT EXISTS ' : ''}${name} AS ${showType(statement.type)}`
    case 'drop-type':
      return `DROP TYPE ${statement.ifExists ? 'IF EXISTS ' : ''}${name}`
    case 'drop-source': {
      const { sourceKind, ifExists, deletesTopic } = statement
      return `DROP ${sourceKind} ${ifExists ? 'IF EXISTS ' : ''}${name}${deletesTopic ? ' DELETE TOPIC' : ''}`
    }
    case 'alter-source': {
      const columns = statement.columns.map((column) => `ADD COLUMN ${printColumn(column)}`)
      return `ALTER ${statement.sourceKind} ${name} ${columns.join(', ')}`
    }
    default:
      return printCommand(statement)
  }
}

function printValues(
  { target, columns, values }: Extract<Statement, { kind: 'insert-values' }>,
  keyword: 'VALUES' | 'KEY',
): string {
  const list = columns.length === 0 ? '' : ` (${columns.map(quoteName).join(', ')})`
  return `${quoteName(target)}${list} ${keyword} (${values.map(printExpression).join(', ')})`
}

type Command = Exclude<
  Statement,
  {
    kind:
      | 'query'
      | 'create-source'
      | 'create-as'
      | 'insert-into'
      | 'insert-values'
      | 'create-type'
      | 'drop-type'
      | 'drop-source'
      | 'alter-source'
  }
>

function printCommand(statement: Command): string {
  switch (statement.kind) {
    case 'list':
      return `LIST ${statement.isAll ? 'ALL ' : ''}${statement.what}${extended(statement)}`
    case 'describe':
      return `DESCRIBE ${quoteName(statement.name)}${extended(statement)}`
    case 'describe-all':
      return `DESCRIBE ${statement.what}${extended(statement)}`
    case 'describe-function':
      return `DESCRIBE FUNCTION ${quoteName(statement.name)}`
    case 'explain': {
      const { what } = statement
      return `EXPLAIN ${typeof what === 'string' ? quoteName(what) : printBody(what)}`
    }
    case 'print': {
      const { topic, fromBeginning, interval, limit } = statement
      const head = `PRINT ${printValue(topic)}${fromBeginning ? ' FROM BEGINNING' : ''}`
      const every = interval === undefined ? '' : ` INTERVAL ${interval}`
      return `${head}${every}${limit === undefined ? '' : ` LIMIT ${limit}`}`
    }
    case 'terminate':
    case 'pause':
    case 'resume': {
      const { kind, id } = statement
      return `${kind.toUpperCase()} ${id === undefined ? 'ALL' : quoteName(id)}`
    }
    case 'set':
      return `SET ${printValue(statement.property)}=${printValue(statement.value)}`
    case 'unset':
      return `UNSET ${printValue(statement.property)}`
    case 'define':
      return `DEFINE ${quoteName(statement.name)}=${printValue(statement.value)}`
    case 'undefine':
      return `UNDEFINE ${quoteName(statement.name)}`
    case 'assert-topic': {
      const { topic, properties, isAbsent, timeout } = statement
      const head = `ASSERT ${isAbsent ? 'NOT EXISTS ' : ''}TOPIC ${printValue(topic)}`
      const tail = timeout === undefined ? '' : ` TIMEOUT ${printDuration(timeout)}`
      return `${head}${printProperties(properties)}${tail}`
    }
    case 'assert-values': {
      const { insert, isTombstone } = statement
      return isTombstone
        ? `ASSERT NULL VALUES ${printValues(insert, 'KEY')}`
        : `ASSERT VALUES ${printValues(insert, 'VALUES')}`
    }
    case 'assert-source':
      return `ASSERT ${printBody(statement.source).slice('CREATE '.length)}`
  }
}

function extended({ isExtended }: { readonly isExtended: boolean }): string {
  return isExtended ? ' EXTENDED' : ''
}
