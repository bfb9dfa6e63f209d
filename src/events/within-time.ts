/** Limits how long a call of R2 may take. */

/**
 * Resolves to the result of `work`.
 *
 * @throws {Error} if it takes longer; the work itself goes on.
 */
export async function withinTime<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`${what}: no response within ${limitMs} ms`))
    timer = setTimeout(fail, limitMs)
  })
  // The work may fail after the time limit, when nobody waits for it.
  work.catch(() => undefined)
  return await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
