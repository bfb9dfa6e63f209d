/** Batches of other clients, recorded on the wire. */
import { fromHex } from '../bytes/hex.ts'

/** librdkafka 2.0.2: `k` -> `v` with the header `h1=x`. */
export const LIBRDKAFKA_BATCH = fromHex(`
  0000000000000000 0000003f 00000000 02 dac8082b 0000 00000000 000001a202acd535 000001a202acd535
  ffffffffffffffff ffff ffffffff 00000001 1a 00 00 00 02 6b 02 76 02 04 6831 02 78`)

/** Java 4.3, idempotent: `key1` -> `value1`. */
export const JAVA_BATCH = fromHex(`
  0000000000000000 00000042 ffffffff 02 b26d6706 0000 00000000 000001a202acd4bb 000001a202acd4bb
  00000000000003e8 0000 00000000 00000001 20 00 00 00 08 6b657931 0c 76616c756531 00`)
