/**
 * The form of a JSON document that is stored in a row. Each document carries the number of its form:
 *
 *   {"formVersion":2,"topics":[...]}
 *
 * Documents of releases without form numbers carry none, and are of form 1. A document of an earlier release is
 * converted to the current form when it is read, and is stored in that form with the next write.

 */
import { assert } from './errors.ts'

/** Returns a document of form n + 1 from one of form n. */
type FormStep = (document: never) => object

export class StoredForm<Value extends object> {
  readonly #name: string
  readonly #steps: readonly FormStep[]

  /**
   * @param name Names the document in errors.
   * @param steps From form 1 to 2, from 2 to 3, ...: only ever appended to, since documents of each form are stored.
   * @example
   * const TOPICS = new StoredForm<{ topics: string[] }>('topics', [(names: string[]) => ({ topics: names })])
   */
  constructor(name: string, steps: readonly FormStep[] = []) {
    this.#name = name
    this.#steps = steps
  }

  encode(value: Value): string {
    return JSON.stringify({ formVersion: this.#steps.length + 1, ...value })
  }

  /** @throws {Error} for a document of a later release, which this one must not write over. */
  decode(json: string): Value {
    const document = JSON.parse(json) as { formVersion?: number }
    const { formVersion = 1, ...rest } = document
    const current = this.#steps.length + 1
    assert(
      formVersion <= current,
      `${this.#name} is stored in form ${formVersion} of a later release; this one has form ${current}`,
    )
    let value: object = Array.isArray(document) ? document : rest
    for (const step of this.#steps.slice(formVersion - 1)) value = step(value as never)
    return value as Value
  }
}
