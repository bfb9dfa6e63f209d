/**
 * The positions of the fields in a record batch's header:
 *
 *    0  baseOffset            int64   assigned by the log
 *    8  batchLength           int32   bytes that follow this field
 *   12  partitionLeaderEpoch  int32   assigned by the log
 *   16  magic                 int8    2
 *   17  crc                   uint32  CRC-32C of everything that follows
 *   21  attributes            int16   0-2 compression, 3 LogAppendTime, 4 transactional,
 *                                     5 control batch, 6 baseTimestamp is a delete horizon
 *   23  lastOffsetDelta       int32
 *   27  baseTimestamp         int64   of the first record
 *   35  maxTimestamp          int64
 *   43  producerId            int64   -1: none
 *   51  producerEpoch         int16   -1: none
 *   53  baseSequence          int32   -1: none
 *   57  recordsCount          int32
 *   61  records                       compressed as a whole, or uncompressed
 */

export const BASE_OFFSET_POSITION = 0
export const BATCH_LENGTH_POSITION = 8
export const LEADER_EPOCH_POSITION = 12
export const MAGIC_POSITION = 16
export const CRC_POSITION = 17
export const ATTRIBUTES_POSITION = 21
export const LAST_OFFSET_DELTA_POSITION = 23
export const BASE_TIMESTAMP_POSITION = 27
export const MAX_TIMESTAMP_POSITION = 35
export const PRODUCER_ID_POSITION = 43
export const PRODUCER_EPOCH_POSITION = 51
export const BASE_SEQUENCE_POSITION = 53
export const RECORDS_COUNT_POSITION = 57

export const BATCH_HEADER_BYTES = 61
/** Bytes up to the end of batchLength, which it does not count. */
export const BATCH_LENGTH_END = 12
/** Start of the bytes that the CRC covers. */
export const CRC_START = 21
/** The version of the format. */
export const MAGIC = 2

export const ATTRIBUTE_COMPRESSION_MASK = 0x07
export const ATTRIBUTE_LOG_APPEND_TIME = 0x08
export const ATTRIBUTE_TRANSACTIONAL = 0x10
export const ATTRIBUTE_CONTROL = 0x20
export const ATTRIBUTE_DELETE_HORIZON = 0x40
