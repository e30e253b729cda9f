package format

import (
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// timePrinter prints dates, times, timestamps and intervals; nil for others.
func timePrinter(arr arrow.Array) printer {
	switch a := arr.(type) {
	case *array.Date32:
		return func(dst []byte, i int) []byte {
			return appendDay(dst, int64(a.Value(i)), math.MaxInt32)
		}
	case *array.Date64:
		return func(dst []byte, i int) []byte {
			return appendDay(dst, floorDiv(int64(a.Value(i)), 86_400_000), math.MaxInt64)
		}
	case *array.Time32:
		perSecond := unitsPerSecond(a.DataType().(*arrow.Time32Type).Unit)
		return func(dst []byte, i int) []byte { return appendClock(dst, int64(a.Value(i)), perSecond) }
	case *array.Time64:
		perSecond := unitsPerSecond(a.DataType().(*arrow.Time64Type).Unit)
		return func(dst []byte, i int) []byte { return appendClock(dst, int64(a.Value(i)), perSecond) }
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		perSecond, zoned, values := unitsPerSecond(t.Unit), t.TimeZone != "", a.Values()
		return func(dst []byte, i int) []byte { return appendTimestamp(dst, int64(values[i]), perSecond, zoned) }
	case *array.MonthInterval:
		return func(dst []byte, i int) []byte {
			return appendInterval(dst, arrow.MonthDayNanoInterval{Months: int32(a.Value(i))})
		}
	case *array.DayTimeInterval:
		return func(dst []byte, i int) []byte {
			v := a.Value(i)
			return appendInterval(dst, arrow.MonthDayNanoInterval{Days: v.Days, Nanoseconds: int64(v.Milliseconds) * 1e6})
		}
	case *array.MonthDayNanoInterval:
		return func(dst []byte, i int) []byte { return appendInterval(dst, a.Value(i)) }
	}
	return nil
}

func unitsPerSecond(u arrow.TimeUnit) int64 {
	switch u {
	case arrow.Second:
		return 1
	case arrow.Millisecond:
		return 1e3
	case arrow.Microsecond:
		return 1e6
	}
	return 1e9
}

// appendTimestamp appends RFC 3339, in UTC with a Z if zoned and without zone
// otherwise. DuckDB's infinities are the ends of the range.
func appendTimestamp(dst []byte, v, perSecond int64, zoned bool) []byte {
	switch v {
	case math.MaxInt64:
		return append(dst, "infinity"...)
	case -math.MaxInt64:
		return append(dst, "-infinity"...)
	}
	perDay := 86_400 * perSecond
	day := floorDiv(v, perDay)
	dst = appendDate(dst, day)
	dst = append(dst, 'T')
	dst = appendClock(dst, v-day*perDay, perSecond)
	if zoned {
		dst = append(dst, 'Z')
	}
	return dst
}

// appendClock appends a time of day, with as many groups of three fractional
// digits as the value needs.
func appendClock(dst []byte, v, perSecond int64) []byte {
	seconds := v / perSecond
	dst = appendTwo(dst, seconds/3600)
	dst = append(dst, ':')
	dst = appendTwo(dst, seconds/60%60)
	dst = append(dst, ':')
	dst = appendTwo(dst, seconds%60)
	fraction, digits := v%perSecond, int64(0)
	if fraction == 0 {
		return dst
	}
	for p := perSecond; p > 1; p /= 1000 {
		digits += 3
	}
	for fraction%1000 == 0 {
		fraction /= 1000
		digits -= 3
	}
	dst = append(dst, '.')
	for digits -= 3; digits >= 0; digits -= 3 {
		group := fraction
		for range digits / 3 {
			group /= 1000
		}
		dst = append(dst, byte('0'+group/100%10))
		dst = appendTwo(dst, group%100)
	}
	return dst
}

func appendDay(dst []byte, day, infinity int64) []byte {
	switch day {
	case infinity:
		return append(dst, "infinity"...)
	case -infinity:
		return append(dst, "-infinity"...)
	}
	return appendDate(dst, day)
}

// appendDate appends year, month and day of a day counted from 1970. Years
// beyond four digits have a sign, as ISO 8601 wants; the year before 0001 is
// 0000.
func appendDate(dst []byte, day int64) []byte {
	year, month, dom := civil(day)
	switch {
	case year > 9999:
		dst = append(dst, '+')
	case year < 0:
		dst, year = append(dst, '-'), -year
	}
	for p := int64(1000); p > 1 && year < p; p /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, year, 10)
	dst = append(dst, '-')
	dst = appendTwo(dst, month)
	dst = append(dst, '-')
	return appendTwo(dst, dom)
}

// civil is the proleptic Gregorian date of a day counted from 1970, reckoned in
// eras of 400 years that begin in March.
func civil(day int64) (year, month, dom int64) {
	day += 719_468
	era := floorDiv(day, 146_097)
	ofEra := day - era*146_097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36_524 - ofEra/146_096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	fromMarch := (5*ofYear + 2) / 153
	dom = ofYear - (153*fromMarch+2)/5 + 1
	month, year = fromMarch+3, era*400+yearOfEra
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, dom
}

// appendTimeTZ: DuckDB keeps microseconds in the upper 40 bits and, below,
// what is missing in the zone's offset to 15:59:59.
func appendTimeTZ(dst []byte, v uint64) []byte {
	dst = appendClock(dst, int64(v>>24), 1e6)
	offset := 57_599 - int64(v&0xffffff)
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = append(dst, sign)
	dst = appendTwo(dst, offset/3600)
	dst = append(dst, ':')
	dst = appendTwo(dst, offset/60%60)
	if offset%60 != 0 {
		dst = append(dst, ':')
		dst = appendTwo(dst, offset%60)
	}
	return dst
}

// appendInterval writes what DuckDB reads: 1 year 2 months 3 days 04:05:06.789.
func appendInterval(dst []byte, v arrow.MonthDayNanoInterval) []byte {
	start := len(dst)
	dst = appendCount(dst, start, int64(v.Months/12), "year")
	dst = appendCount(dst, start, int64(v.Months%12), "month")
	dst = appendCount(dst, start, int64(v.Days), "day")
	if v.Nanoseconds == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	nanos := v.Nanoseconds
	if nanos < 0 {
		dst, nanos = append(dst, '-'), -nanos
	}
	return appendClock(dst, nanos, 1e9)
}

func appendCount(dst []byte, start int, n int64, unit string) []byte {
	if n == 0 {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	dst = strconv.AppendInt(dst, n, 10)
	dst = append(dst, ' ')
	dst = append(dst, unit...)
	if n != 1 && n != -1 {
		dst = append(dst, 's')
	}
	return dst
}

// appendTwo appends at least two digits.
func appendTwo(dst []byte, v int64) []byte {
	if v > 99 {
		return strconv.AppendInt(dst, v, 10)
	}
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
