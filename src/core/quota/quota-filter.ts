/** Filters client quotas. */
import { EdgelogError } from '../errors.ts'
import { shownValue } from '../shown-value.ts'
import { QUOTA_ENTITY_TYPES, type QuotaEntity, type QuotaEntityType } from './client-quota.ts'

/** Matches an entity that has each of the parts. */
export interface QuotaFilter {
  readonly parts: ReadonlyArray<{
    readonly type: QuotaEntityType
    /** null: the default; `any`: a name or the default. */
    readonly match: { readonly name: string | null } | 'any'
  }>
  /** Leaves out entities that have further types. */
  readonly isStrict: boolean
}

const EXACT = 0
const DEFAULT = 1
const ANY = 2

interface GivenComponent {
  readonly entityType: string
  readonly matchType: number
  readonly match: string | null
}

/** @throws {EdgelogError} `invalid_request`. */
export function parseQuotaFilter(
  components: readonly GivenComponent[],
  isStrict: boolean,
): QuotaFilter {
  const parts = components.map((component) => ({
    type: parseType(component.entityType),
    match: parseMatch(component),
  }))
  const types = new Set(parts.map(({ type }) => type))
  if (types.size < parts.length) {
    throw invalid('components: a type is given twice; each is allowed once')
  }
  if (types.has('ip') && types.size > 1) {
    throw invalid('components: ip cannot be combined with other types')
  }
  return { parts, isStrict }
}

function parseType(text: string): QuotaEntityType {
  const type = QUOTA_ENTITY_TYPES.find((one) => one === text)
  if (type !== undefined) return type
  throw invalid(
    `components: unknown type ${shownValue(text)}; ${QUOTA_ENTITY_TYPES.join(', ')} are allowed`,
  )
}

function parseMatch({ entityType, matchType, match }: GivenComponent) {
  if (matchType === EXACT) {
    if (match === null) throw invalid(`components.${entityType}: a name is needed`)
    return { name: match }
  }
  if (matchType !== DEFAULT && matchType !== ANY) {
    const allowed = `${EXACT} to ${ANY} are allowed`
    throw invalid(`components.${entityType}: unknown match type ${matchType}; ${allowed}`)
  }
  if (match !== null)
    throw invalid(`components.${entityType}: a name is not allowed with match type ${matchType}`)
  return matchType === DEFAULT ? { name: null } : ('any' as const)
}

export function matchesQuotaFilter(entity: QuotaEntity, { parts, isStrict }: QuotaFilter): boolean {
  if (isStrict && Object.keys(entity).length !== parts.length) return false
  return parts.every(({ type, match }) => {
    const name = entity[type]
    return name !== undefined && (match === 'any' || match.name === name)
  })
}

function invalid(why: string): EdgelogError {
  return new EdgelogError('invalid_request', why)
}
