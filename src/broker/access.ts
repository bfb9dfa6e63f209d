/**
 * Checks what the principal of one request may do, by the authorizer. Lists may be long, so the
 * default authorizer is not called for each of their items.
 */
import { type Authorizer, allowAll, authorizationError } from '../core/access/authorizer.ts'
import type { Principal } from '../core/access/principal.ts'
import { type Operation, type Resource, SUPPORTED_OPERATIONS } from '../core/access/resource.ts'
import type { EdgelogError } from '../core/errors.ts'
import { fanOut } from './fan-out.ts'

export class Access {
  readonly #principal: Principal
  readonly #authorizer: Authorizer

  constructor(principal: Principal, authorizer: Authorizer) {
    this.#principal = principal
    this.#authorizer = authorizer
  }

  /**
   * Runs `work` if the principal may do the operation. If the authorizer decides synchronously, as the default one
   * does, nothing is awaited: this is on the path of every record.
   *
   * @throws {EdgelogError} `topic_authorization_failed`, `group_authorization_failed`, `cluster_authorization_failed`.
   */
  guard<T>(operation: Operation, resource: Resource, work: () => Promise<T>): Promise<T> {
    const allowed = this.#authorizer(this.#principal, operation, resource)
    return allowed === true ? work() : this.#workIf(allowed, operation, resource, work)
  }

  /** @throws {EdgelogError} as `guard`. */
  async check(operation: Operation, resource: Resource): Promise<void> {
    const refusal = await this.refusal(operation, resource)
    if (refusal !== undefined) throw refusal
  }

  /** Checks one operation on each of many resources of one type. @throws {EdgelogError} as `guard`. */
  async checkEach(operation: Operation, resources: readonly Resource[]): Promise<void> {
    const [refusal] = (await this.refusals(operation, resources)).values()
    if (refusal !== undefined) throw refusal
  }

  async allows(operation: Operation, resource: Resource): Promise<boolean> {
    return (await this.#authorizer(this.#principal, operation, resource)) === true
  }

  /** Returns the error that `check` throws, or undefined. */
  async refusal(operation: Operation, resource: Resource): Promise<EdgelogError | undefined> {
    if (await this.allows(operation, resource)) return undefined
    return authorizationError(this.#principal, operation, resource)
  }

  /**
   * Returns the errors of the resources that the principal may not do the operation
   * on, by name. Calls the authorizer once per name.
   *
   * @param resources all of one type.
   */
  async refusals(
    operation: Operation,
    resources: readonly Resource[],
  ): Promise<ReadonlyMap<string, EdgelogError>> {
    const refusals = new Map<string, EdgelogError>()
    if (this.#authorizer === allowAll) return refusals
    const unique = new Map(resources.map((resource) => [resource.name, resource]))
    await fanOut([...unique], async ([name, resource]) => {
      const refusal = await this.refusal(operation, resource)
      if (refusal !== undefined) refusals.set(name, refusal)
    })
    return refusals
  }

  /** Returns the items on whose resource the principal may do the operation, in their order. */
  async filter<Item>(
    items: readonly Item[],
    operation: Operation,
    resourceOf: (item: Item) => Resource,
  ): Promise<Item[]> {
    const refusals = await this.refusals(operation, items.map(resourceOf))
    return items.filter((item) => !refusals.has(resourceOf(item).name))
  }

  /** Returns the operations that the principal may do on a resource, of those that the resource supports. */
  async operationsOn(resource: Resource): Promise<readonly Operation[]> {
    const supported = SUPPORTED_OPERATIONS[resource.type]
    if (this.#authorizer === allowAll) return supported
    const allowed = await fanOut(supported, (operation) => this.allows(operation, resource))
    return supported.filter((_, index) => allowed[index])
  }

  async #workIf<T>(
    allowed: boolean | Promise<boolean>,
    operation: Operation,
    resource: Resource,
    work: () => Promise<T>,
  ): Promise<T> {
    if ((await allowed) !== true) throw authorizationError(this.#principal, operation, resource)
    return await work()
  }
}
