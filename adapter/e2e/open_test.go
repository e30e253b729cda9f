package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/duck"
)

// objects are the node's sample files.
func (n *node) objects() []string {
	n.t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(n.dir, "objects", "default", "samples"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		n.t.Fatalf("%d files, %v", len(names), err)
	}
	return names
}

// TestFilesAreOpen: DuckDB alone and Arrow's own Parquet reader find in the files
// the rows that our API shows.
func TestFilesAreOpen(t *testing.T) {
	d := newSQLDataOn(t, calmConfig)
	d.write() // Once: files that overlap are for those to sort out who know which is newer.
	d.counters()
	d.flush()
	d.checkOpen("flushed", d.objects())
	// What overlapped is sorted out when it is compacted; the objects that were
	// replaced are still there.
	d.write()
	d.flush()
	if _, err := d.do(http.MethodPost, "/-/compact", "", nil); err != nil {
		t.Fatal(err)
	}
	live := d.liveFiles()
	if len(live) >= len(d.objects()) {
		t.Fatalf("%d files of %d are live: nothing was compacted", len(live), len(d.objects()))
	}
	d.checkOpen("compacted", live)
}

// counters writes long series whose pages are not all encoded alike.
func (d *sqlData) counters() {
	d.t.Helper()
	for host := range 3 {
		s := sent{labels: labels.FromStrings("__name__", "samples", "host", fmt.Sprint("long", host))}
		total := 0.0
		for i := range int64(12_000) {
			total += math.Floor(900_000 * (0.7 + 0.6*d.rng.Float64()))
			s.points = append(s.points, floatPoint(d.from+i*15_000, total))
		}
		d.send([]sent{s})
	}
}

// liveFiles asks which objects count, as docs/storage.md says.
func (d *sqlData) liveFiles() []string {
	d.t.Helper()
	text, err := d.sql("SELECT name FROM system.files WHERE kind = 'samples'", "format", "jsonl")
	if err != nil {
		d.t.Fatal(err)
	}
	list := filepath.Join(d.t.TempDir(), "files.jsonl")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		d.t.Fatal(err)
	}
	db, err := duck.Open(duck.Options{Threads: 2, Unlocked: true})
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	ctx := context.Background()
	if err := db.Exec(ctx, fmt.Sprintf("SET VARIABLE files = (SELECT list('%s/objects/' || name) FROM read_json('%s'))", d.dir, list)); err != nil {
		d.t.Fatal(err)
	}
	r, err := db.Query(ctx, "SELECT DISTINCT filename FROM read_parquet(getvariable('files'), union_by_name = true, hive_partitioning = false, filename = true)", duck.Params{})
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	var names []string
	for r.Next() {
		for row := range int(r.Batch().NumRows()) {
			names = append(names, strings.Clone(r.Batch().Column(0).ValueStr(row))) // The batch goes.
		}
	}
	if err := r.Err(); err != nil {
		d.t.Fatal(err)
	}
	return names
}

func (d *sqlData) checkOpen(when string, files []string) {
	d.t.Helper()
	want, err := d.sqlSeries("samples", "", sqlTables["clash"])
	if err != nil {
		d.t.Fatal(err)
	}
	byDuck, err := readWithDuckDB(files)
	if err != nil {
		d.t.Fatal(err)
	}
	if text := byDuck.differs(want); text != "" {
		d.t.Errorf("%s: DuckDB and our API: %s", when, text)
	}
	byArrow, err := readWithArrow(files)
	if err != nil {
		d.t.Fatal(err)
	}
	if text := byArrow.differs(want); text != "" {
		d.t.Errorf("%s: Arrow and our API: %s", when, text)
	}
}

func readWithDuckDB(files []string) (answer, error) {
	db, err := duck.Open(duck.Options{Threads: 2, Unlocked: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	list := "'" + strings.Join(files, "', '") + "'"
	r, err := db.Query(context.Background(), "SELECT * FROM read_parquet(["+list+"], union_by_name = true, hive_partitioning = false) ORDER BY time", duck.Params{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a := answer{}
	for r.Next() {
		if err := addFileRows(a, r.Batch()); err != nil {
			return nil, err
		}
	}
	return a.shown(), r.Err()
}

func readWithArrow(files []string) (answer, error) {
	a := answer{}
	for _, name := range files {
		if err := addFile(a, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	sortPoints(a)
	return a.shown(), nil
}

func addFile(a answer, name string) error {
	f, err := file.OpenParquetFile(name, false)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1000}, arrowmemory.DefaultAllocator)
	if err != nil {
		return err
	}
	batches, err := r.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return err
	}
	defer batches.Release()
	for batches.Next() {
		if err := addFileRows(a, batches.RecordBatch()); err != nil {
			return err
		}
	}
	return nil
}

// addFileRows reads the columns that are documented for files.
func addFileRows(a answer, b arrow.RecordBatch) error {
	for row := range int(b.NumRows()) {
		ls := labels.NewScratchBuilder(8)
		var p point
		for i, f := range b.Schema().Fields() {
			c := b.Column(i)
			switch f.Name {
			case "time":
				p.t = c.(*array.Timestamp).Value(row).ToTime(c.DataType().(*arrow.TimestampType).Unit).UnixMilli()
			case "value", "__hist_sum__":
				if !c.IsNull(row) {
					p.bits = math.Float64bits(c.(*array.Float64).Value(row))
				}
			case "__stale__", "__start_time__", "__histogram__", "__hist_count__":
			case "__labels__":
				m := c.(*array.Map)
				from, to := m.ValueOffsets(row)
				for k := from; k < to && !m.IsNull(row); k++ {
					ls.Add(m.Keys().ValueStr(int(k)), m.Items().ValueStr(int(k)))
				}
			default:
				if !c.IsNull(row) {
					ls.Add(f.Name, c.ValueStr(row))
				}
			}
		}
		ls.Sort()
		key := ls.Labels().String()
		a[key] = append(a[key], p)
	}
	return nil
}

// sortPoints puts the points of each series into the order of time.
func sortPoints(a answer) {
	for _, points := range a {
		slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.t, b.t) })
	}
}
