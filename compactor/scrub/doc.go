// Package scrub reads the live files again and compares them with their checksums.
//
// Life story: a Walk goes over the files in the order of their IDs. One that is
// damaged or missing, or that the disk fails to read several times in a row, is put
// in quarantine: it stays live, so that queries that need what is damaged in it fail
// by its name, and no job reads it. One that is sound again is acquitted.
package scrub
