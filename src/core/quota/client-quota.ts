/** Client quotas (KIP-546): their entities, their values, and their changes. */
import { EdgelogError } from '../errors.ts'
import { CLIENT_QUOTA_NAME_LENGTH_MAX } from '../limits.ts'
import { shownValue } from '../shown-value.ts'
import { isIpAddress } from './ip-address.ts'

export const QUOTA_ENTITY_TYPES = ['client-id', 'ip', 'user'] as const
export type QuotaEntityType = (typeof QUOTA_ENTITY_TYPES)[number]

/** The name for each type; null: the default of the type, for names without a quota of their own. */
export type QuotaEntity = { readonly [Type in QuotaEntityType]?: string | null }

/** Values by quota name, such as `producer_byte_rate`. */
export type QuotaValues = { readonly [name: string]: number }
/** null removes a quota. */
type QuotaChange = { readonly [name: string]: number | null }

export interface ClientQuota {
  readonly entity: QuotaEntity
  readonly values: QuotaValues
}

export interface QuotaAlteration {
  readonly entity: QuotaEntity
  readonly change: QuotaChange
}

interface QuotaKey {
  /** null: any number, also with a fraction. */
  readonly wholeMax: number | null
}

const LONG: QuotaKey = { wholeMax: 2 ** 63 }
const INT: QuotaKey = { wholeMax: 2 ** 31 - 1 }
const DOUBLE: QuotaKey = { wholeMax: null }
/** Largest deviation from a whole number: Kafka's tolerance. */
const FRACTION_MAX = 1e-6

const IP_KEYS = new Map([['connection_creation_rate', INT]])
const USER_AND_CLIENT_KEYS = new Map([
  ['producer_byte_rate', LONG],
  ['consumer_byte_rate', LONG],
  ['request_percentage', DOUBLE],
  ['controller_mutation_rate', DOUBLE],
])

interface GivenEntityPart {
  readonly entityType: string
  readonly entityName: string | null
}

/** @throws {EdgelogError} `invalid_request`. */
export function parseQuotaEntity(parts: readonly GivenEntityPart[]): QuotaEntity {
  if (parts.length === 0) throw invalid('entity: empty; a type and a name are needed')
  const entity: { [Type in QuotaEntityType]?: string | null } = {}
  for (const { entityType, entityName } of parts) {
    const type = parseEntityType(entityType)
    if (type in entity) throw invalid(`entity: ${type} is given twice; once is allowed`)
    entity[type] = entityName === null ? null : parseEntityName(type, entityName)
  }
  if ('ip' in entity && parts.length > 1) {
    throw invalid('entity: ip cannot be combined with other types')
  }
  return entity
}

function parseEntityType(text: string): QuotaEntityType {
  const type = QUOTA_ENTITY_TYPES.find((one) => one === text)
  if (type !== undefined) return type
  const allowed = QUOTA_ENTITY_TYPES.join(', ')
  throw invalid(`entity: unknown type ${shownValue(text)}; ${allowed} are allowed`)
}

function parseEntityName(type: QuotaEntityType, name: string): string {
  if (name.length < 1 || name.length > CLIENT_QUOTA_NAME_LENGTH_MAX) {
    const allowed = `1 to ${CLIENT_QUOTA_NAME_LENGTH_MAX} characters are allowed`
    throw invalid(`entity.${type}: it has ${name.length} characters; ${allowed}`)
  }
  if (type !== 'ip' || isIpAddress(name)) return name
  throw invalid(`entity.ip: ${shownValue(name)} is not an IPv4 or IPv6 address`)
}

interface GivenChange {
  readonly key: string
  readonly value: number
  readonly remove: boolean
}

/** @throws {EdgelogError} `invalid_request`. */
export function parseQuotaChange(entity: QuotaEntity, given: readonly GivenChange[]): QuotaChange {
  const change = new Map<string, number | null>()
  const keys = 'ip' in entity ? IP_KEYS : USER_AND_CLIENT_KEYS
  for (const { key: name, value, remove } of given) {
    if (change.has(name))
      throw invalid(`ops: ${shownValue(name)} is given more than once; once is allowed`)
    const key = keys.get(name)
    if (key === undefined && !remove) {
      const allowed = [...keys.keys()].join(', ')
      throw invalid(
        `ops: ${shownValue(name)} is not a quota of this entity; ${allowed} are allowed`,
      )
    }
    // An unknown name has no quota, so there is nothing to remove, as in a broker.
    if (key === undefined) continue
    if (!remove) checkValue(name, value, key)
    change.set(name, remove ? null : value)
  }
  return Object.fromEntries(change)
}

/** Checks a value. Kafka also accepts NaN and infinity, but no rate can be compared with them. */
function checkValue(name: string, value: number, { wholeMax }: QuotaKey): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw invalid(`ops.${name}: got ${value}; a number above 0 is needed`)
  }
  if (wholeMax === null) return
  const isWhole = Math.abs(value - Math.round(value)) <= FRACTION_MAX && value >= 1 - FRACTION_MAX
  if (!isWhole || value > wholeMax) {
    throw invalid(`ops.${name}: got ${value}; a whole number up to ${wholeMax} is needed`)
  }
}

/** Returns the quotas after a change; null if none is left. */
export function changedQuotas(before: QuotaValues, change: QuotaChange): QuotaValues | null {
  const kept = Object.entries({ ...before, ...change }).filter(
    (entry): entry is [string, number] => entry[1] !== null,
  )
  return kept.length === 0 ? null : Object.fromEntries(kept)
}

/** Returns a key that is equal for entities with the same types and names, in any order. */
export function quotaEntityKey(entity: QuotaEntity): string {
  return JSON.stringify(
    QUOTA_ENTITY_TYPES.flatMap((type) => (type in entity ? [[type, entity[type]]] : [])),
  )
}

function invalid(why: string): EdgelogError {
  return new EdgelogError('invalid_request', why)
}
