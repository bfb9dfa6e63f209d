/**
 * The mask of operations a caller may do, where it was not asked for or is not known: Kafka's default
 * of every such field.
 */
export const NO_OPERATIONS = -0x8000_0000
