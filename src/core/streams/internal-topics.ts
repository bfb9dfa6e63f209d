/** Names of the topics that an application makes for itself. */

/** Returns the name of the topic of a repartition, as Kafka Streams forms it. */
export function repartitionTopic(application: string, node: string): string {
  const name = node.endsWith('-repartition') ? node : `${node}-repartition`
  return `${application}-${name}`
}
