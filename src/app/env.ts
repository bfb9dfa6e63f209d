/**
 * The bindings, secrets and variables of the Worker, and the variables that the app adds to the context of a request.
 */
import type { Context } from 'hono'
import { Broker } from '../broker/broker.ts'
import type { Caches } from '../broker/cluster.ts'
import type { ObjectBindings } from '../broker/objects.ts'
import { type Authorizer, denyAll } from '../core/access/authorizer.ts'
import { ANONYMOUS, type Principal } from '../core/access/principal.ts'
import { EdgelogError } from '../core/errors.ts'

export interface EdgelogEnv extends ObjectBindings {
  /** If set, every call but `/healthz` needs `Authorization: Bearer`. */
  readonly EDGELOG_TOKEN?: string
  /** Origins of web pages that may call, separated by commas. */
  readonly EDGELOG_ORIGINS?: string
  /** Kafka's `auto.create.topics.enable`: 'false' stops Kafka clients from creating topics by naming them. */
  readonly EDGELOG_AUTO_CREATE_TOPICS?: string
  /** Kafka's `num.partitions`: the number for such topics and for those created without a number; default 1. */
  readonly EDGELOG_NUM_PARTITIONS?: string
  /** Kafka's `offsets.retention.minutes`: how long a group without members keeps its offsets; default 7 days. */
  readonly EDGELOG_OFFSETS_RETENTION_MINUTES?: string
  /** Kafka's `log.retention.check.interval.ms`: interval of deletion by age; default 5 minutes. */
  readonly EDGELOG_LOG_RETENTION_CHECK_INTERVAL_MS?: string
  /** Serves `/examples/*` without authentication; see `examples/README.md`. */
  readonly EDGELOG_EXAMPLES?: Fetcher
}

export interface AppVariables {
  readonly caches: Caches
  readonly authorizer: Authorizer
  /** The authenticated caller, or the error for this caller. */
  readonly caller: Principal | EdgelogError
}

export type AppEnv = { Bindings: EdgelogEnv; Variables: AppVariables }
export type AppContext = Context<AppEnv>

/** Makes the broker of a request, on behalf of its caller. It denies every operation to a rejected caller. */
export function brokerOf(c: AppContext): Broker {
  const caller = c.get('caller')
  const shared = { objects: c.env, caches: c.get('caches') }
  if (caller instanceof EdgelogError) {
    return new Broker({ ...shared, principal: ANONYMOUS, authorizer: denyAll })
  }
  return new Broker({ ...shared, principal: caller, authorizer: c.get('authorizer') })
}

/** Returns the error for the caller, or undefined. Only requests to open paths of a door get this far with an error. */
export function callerRefusal(c: AppContext): EdgelogError | undefined {
  const caller = c.get('caller')
  return caller instanceof EdgelogError ? caller : undefined
}
