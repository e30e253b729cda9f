package block

import "hash/crc32"

// castagnoli is the table of CRC-32C, which the processor computes itself.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)
