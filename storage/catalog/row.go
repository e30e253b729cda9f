package catalog

import (
	"encoding/hex"
	"fmt"
	"math"
	"unique"

	"herringbone/storage/series"
)

// row is a file as the table has it.
type row struct {
	File
	changed   int64 // Version of the commit that added it or, if it is removed, removed it.
	deletedAt int64 // Milliseconds; 0 is live.
}

// fileColumns are the columns in the order of row.values and scanRow.
const fileColumns = `id, tenant, kind, day, days, partition_key, level, name, size, sha256, tail, tail_crc,
	row_count, series_count, min_t, max_t, min_name, max_name, seq, writer, created, clean, sole, changed, deleted_at, checksum`

const fileColumnCount = 26

func (r *row) values() []any {
	f := &r.File
	return []any{
		f.ID, string(f.Tenant), string(f.Kind), f.Day, f.Days, f.Partition, f.Level, f.Name, f.Size,
		hex.EncodeToString(f.SHA256[:]), f.Tail, int64(f.TailCRC), f.Rows, f.Series, f.MinT, f.MaxT,
		f.MinName, f.MaxName, f.Seq, f.Writer, f.Created, f.Clean, number(f.SamplesDropped), r.changed, r.deletedAt, int64(r.checksum()),
	}
}

// collect adds every field of f. Clean and SamplesDropped are younger than the others: a
// file without them has the checksum it had before there were any.
func (f *File) collect(c *checksum) {
	c.text(f.ID, string(f.Tenant), string(f.Kind), f.Partition, f.Name, string(f.SHA256[:]), f.MinName, f.MaxName, f.Writer)
	c.numbers(f.Day, int64(f.Days), int64(f.Level), f.Size, f.Tail, int64(f.TailCRC), f.Rows, f.Series, f.MinT, f.MaxT, f.Seq, f.Created)
	if f.Clean != 0 || f.SamplesDropped {
		c.numbers(f.Clean, number(f.SamplesDropped))
	}
}

// checksum is what a live file adds to the digest of the catalog.
func (f *File) checksum() uint32 {
	c := newChecksum()
	f.collect(&c)
	return c.sum()
}

// checksum is what the row itself carries.
func (r *row) checksum() uint32 {
	c := newChecksum()
	r.File.collect(&c)
	c.numbers(r.changed, r.deletedAt)
	return c.sum()
}

// scanner is a sql.Row or sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// scanRow reads the columns fileColumns and checks them. A row that cannot be
// right is an error wrapping series.ErrCorrupt; what could be read of it is
// returned all the same.
func scanRow(from scanner) (row, error) {
	var r row
	var tenant, kind, sum256 string
	var tailCRC, dropped, sum int64
	f := &r.File
	err := from.Scan(&f.ID, &tenant, &kind, &f.Day, &f.Days, &f.Partition, &f.Level, &f.Name, &f.Size,
		&sum256, &f.Tail, &tailCRC, &f.Rows, &f.Series, &f.MinT, &f.MaxT,
		&f.MinName, &f.MaxName, &f.Seq, &f.Writer, &f.Created, &f.Clean, &dropped, &r.changed, &r.deletedAt, &sum)
	if err != nil {
		return r, err
	}
	f.Tenant, f.Kind = series.Tenant(shared(tenant)), Kind(shared(kind))
	f.Partition, f.Writer = shared(f.Partition), shared(f.Writer)
	f.MinName, f.MaxName = shared(f.MinName), shared(f.MaxName)
	if tailCRC < 0 || tailCRC > math.MaxUint32 {
		return r, rowDamage(f, "its tail checksum is out of range")
	}
	if dropped != 0 && dropped != 1 {
		return r, rowDamage(f, "whether its samples were dropped is neither 0 nor 1")
	}
	f.TailCRC, f.SamplesDropped = uint32(tailCRC), dropped == 1
	if n, err := hex.Decode(f.SHA256[:], []byte(sum256[:min(len(sum256), 64)])); err != nil || n != len(f.SHA256) || len(sum256) != 64 {
		return r, rowDamage(f, "its SHA-256 cannot be read")
	}
	if int64(r.checksum()) != sum {
		return r, rowDamage(f, "its checksum is wrong")
	}
	return r, nil
}

// shared returns the one copy of texts that many files have in common.
func shared(s string) string { return unique.Make(s).Value() }

func rowDamage(f *File, what string) error {
	return fmt.Errorf("row of file %.40q (%.200q): %s: %w", f.ID, f.Name, what, series.ErrCorrupt)
}
