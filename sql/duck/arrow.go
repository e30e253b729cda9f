package duck

/*
#include <stdint.h>
#include <stdlib.h>

// DuckDB's C interface, as far as the bindings hide it behind a build tag. All
// handles are pointers.
extern void *duckdb_to_arrow_schema(void *options, void **types, const char **names, uint64_t n, void *out);
extern void *duckdb_data_chunk_to_arrow(void *options, void *chunk, void *out);
extern int duckdb_arrow_scan(void *connection, const char *table, void *stream);

// The Arrow C structures by size: schema 9 words, array 10 words, stream 5 words.
enum { words = 10 };
static void *new_words(void) { return calloc(words, 8); }
static void put_pointer(void **list, uint64_t i, void *p) { list[i] = p; }
static void put_name(char **list, uint64_t i, char *p) { list[i] = p; }
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"
	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// arrowSchema returns the Arrow schema of a result.
func arrowSchema(options duckdb.ArrowOptions, res *duckdb.Result) (*arrow.Schema, error) {
	n := int(duckdb.ColumnCount(res))
	types := (*unsafe.Pointer)(C.calloc(C.size_t(max(n, 1)), 8))
	defer C.free(unsafe.Pointer(types))
	names := (**C.char)(C.calloc(C.size_t(max(n, 1)), 8))
	defer C.free(unsafe.Pointer(names))
	for i := range n {
		typ := duckdb.ColumnLogicalType(res, duckdb.IdxT(i))
		defer duckdb.DestroyLogicalType(&typ)
		name := C.CString(duckdb.ColumnName(res, duckdb.IdxT(i)))
		defer C.free(unsafe.Pointer(name))
		C.put_pointer(types, C.uint64_t(i), typ.Ptr)
		C.put_name(names, C.uint64_t(i), name)
	}
	out := C.new_words()
	defer C.free(out)
	ed := C.duckdb_to_arrow_schema(options.Ptr, types, names, C.uint64_t(n), out)
	if err := dataError(duckdb.ErrorData{Ptr: ed}); err != nil {
		return nil, err
	}
	return cdata.ImportCArrowSchema((*cdata.CArrowSchema)(out)) // Releases it.
}

// arrowBatch converts a chunk. The caller releases the batch.
func arrowBatch(options duckdb.ArrowOptions, schema *arrow.Schema, chunk duckdb.DataChunk) (arrow.RecordBatch, error) {
	out := C.new_words()
	defer C.free(out)
	ed := C.duckdb_data_chunk_to_arrow(options.Ptr, chunk.Ptr, out)
	if err := dataError(duckdb.ErrorData{Ptr: ed}); err != nil {
		return nil, err
	}
	return cdata.ImportCRecordBatchWithSchema((*cdata.CArrowArray)(out), schema)
}

// scanArrow makes a view that reads rows, once. The returned function lets go of
// rows; the view must not be used after it.
func scanArrow(conn duckdb.Connection, view string, rows array.RecordReader) (release func(), err error) {
	stream := C.new_words()
	cdata.ExportRecordReader(rows, (*cdata.CArrowArrayStream)(stream))
	release = func() {
		cdata.ReleaseCArrowArrayStream((*cdata.CArrowArrayStream)(stream))
		C.free(stream)
	}
	name := C.CString(view)
	defer C.free(unsafe.Pointer(name))
	if C.duckdb_arrow_scan(conn.Ptr, name, stream) != 0 {
		release()
		return nil, fmt.Errorf("scan Arrow rows as %s: DuckDB refuses the schema", view)
	}
	return release, nil
}
