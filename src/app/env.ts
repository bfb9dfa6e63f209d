/** The context of a request: what the app puts into it, and the broker that a door takes from it. */
import type { Context } from 'hono'
import { Broker } from '../broker/broker.ts'
import type { Caches } from '../broker/cluster.ts'
import type { CallMeter } from '../broker/objects.ts'
import { type Authorizer, denyAll } from '../core/access/authorizer.ts'
import { ANONYMOUS, type Principal } from '../core/access/principal.ts'
import { EdgelogError } from '../core/errors.ts'
import type { EdgelogEnv } from './bindings.ts'

export interface AppVariables {
  /** The state that all requests of an app share. */
  readonly shared: Omit<AppParts, 'env'>
  /** Set if the request names an origin, so that the response needs the headers of CORS. */
  readonly isFromPage?: true
  /** Set if the response was made with `COMMON_HEADERS`. */
  readonly hasCommonHeaders?: true
  /** The authenticated caller, or the error for this caller. */
  readonly caller: Principal | EdgelogError
}

/** The bindings of a call within a session: all calls of a session are one request of the platform. */
export interface SessionBindings extends EdgelogEnv {
  readonly callMeter?: CallMeter
}

export type AppEnv = { Bindings: SessionBindings; Variables: AppVariables }
export type AppContext = Context<AppEnv>

/**
 * Makes the broker of a request, on behalf of its caller.
 *
 * @param isSession true for a connection that makes many calls.
 */
export function brokerOf(c: AppContext, isSession = false): Broker {
  return brokerFor({ env: c.env, ...c.get('shared') }, c.get('caller'), isSession)
}

/** The parts of an app that its callers share. */
export interface AppParts {
  readonly env: SessionBindings
  readonly caches: Caches
  readonly authorizer: Authorizer
}

/** Makes a broker on behalf of a caller. It denies every operation to a rejected caller. */
export function brokerFor(
  { env, caches, authorizer }: AppParts,
  caller: Principal | EdgelogError,
  isSession: boolean,
): Broker {
  const shared = { objects: env, caches, meter: env.callMeter }
  if (caller instanceof EdgelogError) {
    return new Broker({ ...shared, principal: ANONYMOUS, authorizer: denyAll })
  }
  return new Broker({ ...shared, principal: caller, authorizer, isSession })
}

/** Returns the error for the caller, or undefined. Only requests to open paths of a door get this far with an error. */
export function callerError(c: AppContext): EdgelogError | undefined {
  const caller = c.get('caller')
  return caller instanceof EdgelogError ? caller : undefined
}
