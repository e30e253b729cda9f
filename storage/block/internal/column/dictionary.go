package column

// dictionary is the distinct values of a column of strings.
type dictionary struct {
	codes map[string]uint32
	plain []byte // The values in PLAIN encoding.
}

func newDictionary() *dictionary { return &dictionary{codes: map[string]uint32{}} }

func (d *dictionary) code(value string) uint32 {
	code, ok := d.codes[value]
	if !ok {
		code = uint32(len(d.codes))
		d.codes[value] = code
		d.plain = appendByteArray(d.plain, value)
	}
	return code
}

func (d *dictionary) reset() {
	clear(d.codes)
	d.plain = d.plain[:0]
}

func appendByteArray[S string | []byte](b []byte, value S) []byte {
	n := len(value)
	return append(append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24)), value...)
}
