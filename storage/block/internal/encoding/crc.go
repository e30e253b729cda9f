package encoding

import "hash/crc32"

// Castagnoli is the table of CRC-32C, which the processor computes itself.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)
