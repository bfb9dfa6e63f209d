/** Finds a cycle in a directed graph: Tarjan's strongly connected components, without recursion. */

interface Visit<T> {
  readonly node: T
  readonly next: Iterator<T>
}

/** Returns the nodes of a component with a cycle, also one node that points to itself; undefined if there is none. */
export function findCycle<T>(
  nodes: Iterable<T>,
  edgesOf: (node: T) => Iterable<T>,
): T[] | undefined {
  const indexes = new Map<T, number>()
  const lowest = new Map<T, number>()
  const component: T[] = []
  const isOpen = new Set<T>()
  const enter = (node: T): Visit<T> => {
    indexes.set(node, indexes.size)
    lowest.set(node, indexes.size - 1)
    component.push(node)
    isOpen.add(node)
    return { node, next: edgesOf(node)[Symbol.iterator]() }
  }
  const lower = (node: T, index: number) => {
    lowest.set(node, Math.min(lowest.get(node) as number, index))
  }
  for (const root of nodes) {
    if (indexes.has(root)) continue
    const path = [enter(root)]
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const { node } = visit
      const edge = visit.next.next()
      if (edge.done !== true) {
        if (edge.value === node) return [node]
        if (!indexes.has(edge.value)) path.push(enter(edge.value))
        else if (isOpen.has(edge.value)) lower(node, indexes.get(edge.value) as number)
        continue
      }
      path.pop()
      const parent = path.at(-1)
      if (parent !== undefined) lower(parent.node, lowest.get(node) as number)
      if (lowest.get(node) !== indexes.get(node)) continue
      const found = component.splice(component.lastIndexOf(node))
      if (found.length > 1) return found
      isOpen.delete(node)
    }
  }
  return undefined
}
