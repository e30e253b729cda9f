package block

// Meta is what the catalog must know of a file.
type Meta struct {
	Size    int64    // Bytes.
	SHA256  [32]byte // Of the whole file.
	Tail    int64    // Offset of the tail (series index and footer), for Open.
	TailCRC uint32   // CRC-32C of the bytes from Tail to the end.

	Rows   int64
	Series int64

	// Least and greatest of the file; zero if it has no rows.
	MinT, MaxT       int64 // Milliseconds, both included.
	MinName, MaxName string
}
