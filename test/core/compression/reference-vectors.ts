/** Bytes compressed by other implementations. */
import { fromHex, utf8 } from '../bytes/hex.ts'

/** Twelve lines of JSON: the content of the vectors below, unless they name another. */
export const LINES = utf8(
  Array.from(
    { length: 12 },
    (_, index) => `{"id":${index},"name":"user-${(index * 7) % 5}","ok":true}\n`,
  ).join(''),
)

/** Rust's snap 1.1. */
export const SNAPPY_BLOCK = fromHex(`
  a603887b226964223a302c226e616d65223a22757365722d30222c226f6b223a747275657d0a0923003136230000324a
  2300003236230000344a2300003336230000314a2300003436230000334a230000353623004eaf0000363623004eaf00
  00373623004eaf0000383623004eaf0000393623004eaf0000318e5f01726001`)

/** snappy-java's framing, two blocks of `SNAPPY` fifty times, from the tests of kafka-python. */
export const XERIAL_STREAM = fromHex(`
  82534e4150505900 00000001 00000001
  00000018 ac0214534e41505059fe0600fe0600fe0600fe0600960600
  00000018 ac0214534e41505059fe0600fe0600fe0600fe0600960600`)
export const XERIAL_CONTENT = utf8('SNAPPY'.repeat(100))

/** liblz4 1.9 with independent blocks. */
export const LZ4_INDEPENDENT = fromHex(`
  04224d1860408282000000f2147b226964223a302c226e616d65223a22757365722d30222c226f6b223a747275657d0a
  23001a3123001f322300001a3223001f342300001a3323001f312300001a3423001f332300001a3523000faf00011a36
  23000faf00011a3723000faf00011a3823000faf00011a3923000faf00011f315f01110f600105507275657d0a000000
  00`)

/** liblz4 1.9 with block checksum, content checksum and content size. */
export const LZ4_CHECKSUMS = fromHex(`
  04224d187c40a6010000000000004e82000000f2147b226964223a302c226e616d65223a22757365722d30222c226f6b
  223a747275657d0a23001a3123001f322300001a3223001f342300001a3323001f312300001a3423001f332300001a35
  23000faf00011a3623000faf00011a3723000faf00011a3823000faf00011a3923000faf00011f315f01110f60010550
  7275657d0a ece1c8e1 00000000 3e2a8d61`)

/** liblz4 1.9 with linked blocks of 64 KiB and both checksums: the bytes 0 to 255, 300 times. */
export const LZ4_LINKED = fromHex(`
  04224d185440ae 0a020000 fff1 ${Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('')}
  0001 ${'ff'.repeat(255)} e7 50 fbfcfdfeff 2912674c
  36000000 0f00 ${'ff'.repeat(45)} 14 50 fbfcfdfeff 8f805d0b 00000000 22624598`)
export const LZ4_LINKED_CONTENT = new Uint8Array(76_800).map((_, index) => index)

/** zstd 1.5, level 3. */
export const ZSTD_FRAME = fromHex(`
  28b52ffd60a60035030064037b226964223a302c226e616d65223a22757365722d30222c226f6b223a747275657d0a31
  3232343331343335303632373438313933311500637b43b1451e48189005240764061201f28184015940724066201120
  1f48189005240764061201f2ce60ea09`)
