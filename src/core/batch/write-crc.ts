import { crc32c } from '../bytes/crc32c.ts'
import { CRC_POSITION, CRC_START } from './header-layout.ts'

/** Computes and writes the CRC of `batch`, which must be exactly one whole batch. */
export function writeCrc(batch: Uint8Array): void {
  const crc = crc32c(batch.subarray(CRC_START))
  new DataView(batch.buffer, batch.byteOffset).setUint32(CRC_POSITION, crc)
}
