import { crc32c } from '../bytes/crc32c.ts'
import { CRC_POSITION, CRC_START } from './header-layout.ts'

/** Computes the CRC of `batch`, one whole batch and nothing else, and writes it. */
export function writeCrc(batch: Uint8Array): void {
  const crc = crc32c(batch.subarray(CRC_START))
  new DataView(batch.buffer, batch.byteOffset).setUint32(CRC_POSITION, crc)
}
