package duck

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// Load makes the table from rows, which it reads to their end. A table, and not a
// view on the rows, because DuckDB would read such a view once, by one thread,
// and wrong the second time.
func (i *Instance) Load(ctx context.Context, table string, rows array.RecordReader) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("load table %s: %w", table, err)
		}
	}()
	defer i.watch(ctx)()
	view := "loading " + table
	release, err := scanArrow(i.conn, view, rows)
	if err != nil {
		return err
	}
	defer release()
	err = i.exec([]string{fmt.Sprintf("CREATE TABLE %s AS SELECT * FROM %s", QuoteName(table), QuoteName(view))})
	if dropErr := i.exec([]string{"DROP VIEW " + QuoteName(view)}); err == nil {
		err = dropErr
	}
	if readErr := rows.Err(); readErr != nil {
		return readErr // The cause; DuckDB only repeats it.
	}
	return err
}
