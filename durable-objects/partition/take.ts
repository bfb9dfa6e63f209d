/** Lazy `take` and `takeWhile`: they read no row beyond their end. */

export function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let taken = 0
  for (const item of items) {
    if (taken === count) return
    taken += 1
    yield item
  }
}

export function* takeWhile<T>(items: Iterable<T>, holds: (item: T) => boolean): Generator<T> {
  for (const item of items) {
    if (!holds(item)) return
    yield item
  }
}
