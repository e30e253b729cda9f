package remote

import (
	"bytes"
	"fmt"

	"herringbone/storage/series"
)

// Tags of io.prometheus.write.v2 Request and TimeSeries.
const (
	tagTwoSymbol = 4<<3 | wireBytes
	tagTwoSeries = 5<<3 | wireBytes

	tagTwoRef       = 1<<3 | wireVarint
	tagTwoRefs      = 1<<3 | wireBytes
	tagTwoSample    = 2<<3 | wireBytes
	tagTwoHistogram = 3<<3 | wireBytes
	tagTwoExemplar  = 4<<3 | wireBytes
	tagTwoMetadata  = 5<<3 | wireBytes
	tagTwoStart     = 6<<3 | wireVarint // Reserved today; old senders fill it.
)

const (
	fieldsTwoRequest = 1<<4 | 1<<5
	fieldsTwoSeries  = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5
)

// decodeTwo decodes a remote-write 2.0 request. Errors as for decodeOne.
//
// It walks the request twice: symbols may stand anywhere, and a series cannot be
// understood before all of them are known.
func (d *decoder) decodeTwo(body []byte) error {
	if err := d.tableTwo(body); err != nil {
		return err
	}
	for i := 0; i < len(body); {
		if body[i] != tagTwoSeries {
			i = skipField(body, i, 0) // Checked by tableTwo.
			continue
		}
		field, next := lengthPrefixed(body, i+1)
		if err := d.seriesTwo(field); err != nil {
			return err
		}
		i = next
	}
	return nil
}

// tableTwo collects the symbols and checks the request's outermost layer.
func (d *decoder) tableTwo(body []byte) error {
	d.symbols.reset(body)
	known, foreign := 0, 0
	for i := 0; i < len(body); {
		switch tag := body[i]; tag {
		case tagTwoSymbol, tagTwoSeries:
			field, next := lengthPrefixed(body, i+1)
			if next == 0 {
				return malformed("remote-write 2.0 request")
			}
			if tag == tagTwoSymbol {
				d.symbols.add(next-len(field), next)
			}
			i = next
			known++
		default:
			if tag == tagOneSeries || tag == tagOneMetadata {
				foreign++
			}
			if i = skipField(body, i, fieldsTwoRequest); i == 0 {
				return malformed("remote-write 2.0 request")
			}
		}
	}
	switch {
	case known == 0 && foreign > 0:
		return fmt.Errorf("a 1.0 message was sent as 2.0: %w", series.ErrInvalid)
	case len(d.symbols.spans) > 0 && len(d.symbols.at(0)) > 0:
		return fmt.Errorf("first symbol is %.40q, it must be empty: %w", d.symbols.at(0), series.ErrInvalid)
	}
	return nil
}

// seriesTwo decodes one TimeSeries.
func (d *decoder) seriesTwo(m []byte) error {
	if !d.open() {
		return tooMany()
	}
	var refs []byte // Varints; a slice of m, or of scratch if they come in pieces.
	for i := 0; i < len(m); {
		at, tag := i, m[i]
		var field []byte
		switch tag {
		case tagTwoRefs, tagTwoSample, tagTwoHistogram, tagTwoExemplar, tagTwoMetadata:
			field, i = lengthPrefixed(m, i+1)
		case tagTwoRef, tagTwoStart:
			_, i = uvarint(m, i+1)
		default:
			i = skipField(m, i, fieldsTwoSeries)
			tag = 0
		}
		if i == 0 {
			return malformed("TimeSeries")
		}
		switch tag {
		case 0:
		case tagTwoRefs:
			refs = d.join(refs, field)
		case tagTwoRef:
			refs = d.join(refs, m[at+1:i])
		case tagTwoStart:
			v, _ := uvarint(m, at+1)
			d.current.start = int64(v)
		default:
			if err := d.valueTwo(tag, field); err != nil {
				return err
			}
		}
	}
	return d.closeTwo(refs)
}

// join adds more references to those of the open series.
func (d *decoder) join(refs, more []byte) []byte {
	if len(refs) == 0 {
		return more
	}
	d.scratch = append(append(d.scratch[:0], refs...), more...)
	return d.scratch
}

// valueTwo decodes a sample, histogram, exemplar or metadata of the open series.
func (d *decoder) valueTwo(tag byte, field []byte) error {
	if tag == tagTwoMetadata {
		return d.current.metadata.decode(field)
	}
	if !take(&d.sampleBudget) {
		return tooMany()
	}
	switch tag {
	case tagTwoSample:
		s, ok := decodeSample(field)
		if !ok {
			return malformed("Sample")
		}
		d.sample(s)
		return nil
	case tagTwoExemplar:
		return d.exemplarTwo(field)
	default:
		return d.histogramTwo(field)
	}
}

// closeTwo ends the open series, now that its references and everything else
// have been seen.
func (d *decoder) closeTwo(refs []byte) error {
	if err := d.writeOut(refs); err != nil {
		return err
	}
	if d.last.err != nil {
		d.drop(d.last.err)
		return nil
	}
	if err := d.checkMetadata(); err != nil {
		d.drop(fmt.Errorf("%s: %w", describe(d.last.key), err))
		return nil
	}
	d.fillStart()
	if err := d.metadataTwo(); err != nil {
		return err
	}
	d.close(d.last.key)
	return nil
}

// fillStart gives the series' own start time to the samples without one.
func (d *decoder) fillStart() {
	start := d.current.start
	if start == 0 {
		return
	}
	for i := d.current.samples; i < len(d.batch.Samples); i++ {
		if d.batch.Samples[i].Start == 0 {
			d.batch.Samples[i].Start = start
		}
	}
	for i := d.current.histograms; i < len(d.batch.Histograms); i++ {
		if d.batch.Histograms[i].Start == 0 {
			d.batch.Histograms[i].Start = start
		}
	}
}

// writtenSeries is the series that was written out last: senders put several of the
// same labels behind each other (samples, exemplars).
type writtenSeries struct {
	valid bool
	refs  []byte // As sent.
	size  int    // Upper bound for the key's length.
	key   []byte
	name  []byte // The metric.
	err   error  // The references are wrong; wraps series.ErrInvalid.
}

// writeOut makes the key of refs, unless they are those of the last series. Its
// own error is that of reserving memory, or of a request whose references amount
// to too much: each series counts, because whoever stores it reads its labels.
func (d *decoder) writeOut(refs []byte) error {
	l := &d.last
	same := l.valid && bytes.Equal(refs, l.refs)
	if !same {
		*l = writtenSeries{valid: true, refs: append(l.refs[:0], refs...)}
		var ok bool
		if l.size, ok, l.err = d.parseRefs(refs); !ok {
			return malformed("label references")
		}
	}
	if l.err != nil {
		return nil
	}
	if d.written -= int64(l.size); d.written < 0 {
		return fmt.Errorf("references to symbols amount to too many bytes: %w", series.ErrInvalid)
	}
	if same {
		return nil
	}
	key, err := d.keys.take(l.size)
	if err != nil {
		return err
	}
	l.key = d.appendKey(key)
	return nil
}

// appendKey writes the labels of d.refs to key and notes the metric.
func (d *decoder) appendKey(key []byte) []byte {
	for i := 0; i+1 < len(d.refs); i += 2 {
		name, value := d.refs[i], d.refs[i+1]
		known := &d.labels[value%uint32(len(d.labels))]
		if known.name == name && known.value == value && known.label != nil {
			key = append(key, known.label...)
		} else {
			at := len(key)
			key = series.AppendKeyLabel(key, d.symbols.at(name), d.symbols.at(value))
			*known = writtenLabel{name, value, key[at:len(key):len(key)]}
		}
		if d.symbols.isMetricName(name) {
			d.last.name = d.symbols.at(value)
		}
	}
	return key
}

// writtenLabel is where in the arena a label was written before. Most labels of
// a request come in many of its series.
type writtenLabel struct {
	name, value uint32
	label       []byte
}

// labelOverhead is what tags and lengths add to one label at most.
const labelOverhead = 3 + 3*5

// parseRefs fills d.refs and returns an upper bound for the key's size, or an
// error if the references are wrong. ok is false if they are not varints.
func (d *decoder) parseRefs(refs []byte) (size int, ok bool, err error) {
	table, parsed := d.symbols.spans, d.refs[:0]
	for i := 0; i < len(refs); {
		ref, next := shortUvarint(refs, i)
		if next == 0 {
			return 0, false, nil
		}
		if int(ref) < len(table) {
			size += int(table[ref].to - table[ref].from)
		} else if err == nil {
			err = d.symbols.check(ref, "label")
		}
		parsed = append(parsed, ref)
		i = next
	}
	d.refs = parsed
	if len(parsed)%2 != 0 && err == nil {
		err = fmt.Errorf("%d label references, want pairs: %w", len(parsed), series.ErrInvalid)
	}
	return size + len(parsed)/2*labelOverhead, true, err
}
