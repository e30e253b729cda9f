package remote

import (
	"encoding/binary"
	"fmt"
	"math"

	"herringbone/storage/series"
)

// Tags of prometheus.WriteRequest, TimeSeries and Sample.
const (
	tagOneSeries   = 1<<3 | wireBytes
	tagOneMetadata = 3<<3 | wireBytes

	tagOneLabel     = 1<<3 | wireBytes
	tagOneSample    = 2<<3 | wireBytes
	tagOneExemplar  = 3<<3 | wireBytes
	tagOneHistogram = 4<<3 | wireBytes

	tagSampleValue = 1<<3 | wireFixed64
	tagSampleTime  = 2<<3 | wireVarint
	tagSampleStart = 3<<3 | wireVarint // 2.0 only.
)

// Field numbers of a message, as bits.
const (
	fieldsOneRequest = 1<<1 | 1<<3
	fieldsOneSeries  = 1<<1 | 1<<2 | 1<<3 | 1<<4
	fieldsSample     = 1<<1 | 1<<2 | 1<<3
)

// decodeOne decodes a remote-write 1.0 request. Keys are slices of body. Errors
// wrap series.ErrInvalid, or series.ErrOverload from reserving memory.
func (d *decoder) decodeOne(body []byte) error {
	known, foreign := 0, 0
	for i := 0; i < len(body); {
		tag := body[i]
		switch tag {
		case tagOneSeries, tagOneMetadata:
			field, next := lengthPrefixed(body, i+1)
			if next == 0 {
				return malformed("remote-write 1.0 request")
			}
			if err := d.fieldOne(tag, field); err != nil {
				return err
			}
			i = next
			known++
		default:
			if tag == tagTwoSymbol || tag == tagTwoSeries {
				foreign++
			}
			if i = skipField(body, i, fieldsOneRequest); i == 0 {
				return malformed("remote-write 1.0 request")
			}
		}
	}
	if known == 0 && foreign > 0 {
		return fmt.Errorf("a 2.0 message was sent as 1.0: %w", series.ErrInvalid)
	}
	return nil
}

func (d *decoder) fieldOne(tag byte, field []byte) error {
	if tag == tagOneMetadata {
		return d.metadataOne(field)
	}
	return d.seriesOne(field)
}

// seriesOne decodes one TimeSeries.
func (d *decoder) seriesOne(m []byte) error {
	if !d.open() {
		return tooMany()
	}
	var key pieces
	for i := 0; i < len(m); {
		tag := m[i]
		if tag == tagOneLabel {
			next := shortRun(m, i, tagOneLabel)
			if next == i { // One long label.
				if _, next = lengthPrefixed(m, i+1); next == 0 {
					return malformed("TimeSeries")
				}
			}
			d.scratch = key.add(m, i, next, d.scratch)
			i = next
			continue
		}
		if tag < tagOneLabel || tag > tagOneHistogram || tag&7 != wireBytes {
			if i = skipField(m, i, fieldsOneSeries); i == 0 {
				return malformed("TimeSeries")
			}
			continue
		}
		var field []byte
		if field, i = lengthPrefixed(m, i+1); i == 0 {
			return malformed("TimeSeries")
		}
		if err := d.valueOne(tag, field); err != nil {
			return err
		}
	}
	return d.closeOne(m, key)
}

// pieces are the labels of a series in the message that it came in. Every known
// sender writes them in one piece, which then is the key; else they are put
// together in scratch.
type pieces struct {
	from, to int
	apart    bool
}

// add takes note of more labels at m[from:to]. It returns scratch.
func (p *pieces) add(m []byte, from, to int, scratch []byte) []byte {
	switch {
	case p.apart:
		return append(scratch, m[from:to]...)
	case p.to == 0:
		p.from, p.to = from, to
	case p.to == from:
		p.to = to
	default:
		p.apart = true
		return append(append(scratch[:0], m[p.from:p.to]...), m[from:to]...)
	}
	return scratch
}

// closeOne ends the open series, which came as m.
func (d *decoder) closeOne(m []byte, p pieces) error {
	if !p.apart {
		d.close(m[p.from:p.to:p.to])
		return nil
	}
	key, err := d.keys.take(len(d.scratch))
	if err != nil {
		return err
	}
	d.close(append(key, d.scratch...))
	return nil
}

// valueOne decodes a sample, exemplar or histogram of the open series.
func (d *decoder) valueOne(tag byte, field []byte) error {
	if !take(&d.sampleBudget) {
		return tooMany()
	}
	switch tag {
	case tagOneSample:
		s, ok := decodeSample(field)
		if !ok {
			return malformed("Sample")
		}
		s.Start = 0 // Not a field of 1.0.
		d.sample(s)
		return nil
	case tagOneExemplar:
		return d.exemplarOne(field)
	default:
		return d.histogramOne(field)
	}
}

// decodeSample decodes a Sample of either version.
func decodeSample(m []byte) (s series.Sample, ok bool) {
	for i := 0; i < len(m); {
		switch m[i] {
		case tagSampleValue:
			if len(m)-i < 9 {
				return s, false
			}
			s.V = math.Float64frombits(binary.LittleEndian.Uint64(m[i+1:]))
			i += 9
		case tagSampleTime, tagSampleStart:
			v, next := uvarint(m, i+1)
			if next == 0 {
				return s, false
			}
			if m[i] == tagSampleTime {
				s.T = int64(v)
			} else {
				s.Start = int64(v)
			}
			i = next
		default:
			if i = skipField(m, i, fieldsSample); i == 0 {
				return s, false
			}
		}
	}
	return s, true
}
