package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"herringbone/storage/fsys/fsystest"
)

// small is a segment of a few hundred bytes with all kinds of records: empty,
// with the frame magic in it, with a whole frame in it.
func small(t testing.TB) written {
	inner := write(t, "a", "inner")
	return write(t, "first", "", string(inner.bytes[inner.starts[1]:]), "x"+frameMagic+frameMagic, "the second to last", "last")
}

func TestEveryTruncation(t *testing.T) {
	w := small(t)
	for n := range w.bytes {
		clean := n == 0 || n == headerSize || slices.Contains(w.ends, int64(n))
		r := w.checkDamaged(t, w.bytes[:n], true)
		if (r.Torn == nil) != clean || len(r.Damaged) > 0 {
			t.Errorf("newest, cut at %d: torn %v, damaged %v", n, r.Torn, r.Damaged)
		}
		r = w.checkDamaged(t, w.bytes[:n], false)
		if r.Torn != nil || (len(r.Damaged) == 0) != clean {
			t.Errorf("older, cut at %d: torn %v, damaged %v", n, r.Torn, r.Damaged)
		}
	}
}

func TestEveryFlippedByte(t *testing.T) {
	w := small(t)
	last := w.starts[len(w.starts)-1]
	for i := range w.bytes {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			image := slices.Clone(w.bytes)
			image[i] ^= mask
			r := w.checkDamaged(t, image, true)
			if torn := int64(i) >= last; torn != (r.Torn != nil) || torn == (len(r.Damaged) == 1) {
				t.Errorf("byte %d ^ %#x: torn %v, damaged %v", i, mask, r.Torn, r.Damaged)
			}
			w.checkDamaged(t, image, false)
		}
	}
}

func TestEveryZeroedStretch(t *testing.T) {
	w := small(t)
	for from := range w.bytes {
		for _, n := range []int{1, 7, 32, 64, 200} {
			image := slices.Clone(w.bytes)
			clear(image[from:min(from+n, len(image))])
			w.checkDamaged(t, image, true)
		}
	}
}

func TestATailOfZerosIsTorn(t *testing.T) {
	w := small(t)
	r := w.checkDamaged(t, append(slices.Clone(w.bytes), make([]byte, 5000)...), true)
	if r.Torn == nil || r.Torn.Offset != int64(len(w.bytes)) || len(r.Damaged) > 0 {
		t.Errorf("torn %v, damaged %v", r.Torn, r.Damaged)
	}
}

// Blocks of a disk may be written to the wrong place: a whole frame that is not
// where it was written must not count.
func TestMisplacedBlocks(t *testing.T) {
	rng := fsystest.Rand(t)
	for _, block := range []int{64, 512, 4096} {
		// Records of one length make frames line up with blocks.
		aligned := make([]string, 40)
		for i := range aligned {
			aligned[i] = fmt.Sprintf("%0*d", block-frameSize, i)
		}
		for _, records := range [][]string{aligned, randomRecords(rng, 60, block)} {
			w := write(t, records...)
			blocks := len(w.bytes) / block
			for range 300 {
				image := slices.Clone(w.bytes)
				a, b := rng.IntN(blocks)*block, rng.IntN(blocks)*block
				if rng.IntN(2) == 0 { // So that frames, not only blocks, line up.
					a, b = min(a+headerSize, len(image)-block), min(b+headerSize, len(image)-block)
				}
				copy(image[b:b+block], w.bytes[a:a+block])
				if rng.IntN(2) == 0 {
					copy(image[a:a+block], w.bytes[b:b+block])
				}
				w.checkDamaged(t, image, rng.IntN(2) == 0)
			}
		}
	}
}

// The same place in a segment of the same number in an earlier life of the disk.
func TestAFrameOfAnotherSegmentDoesNotCount(t *testing.T) {
	w := write(t, "aaaa", "bbbb", "cccc")
	image := slices.Clone(w.bytes)
	f := frame{length: 4, offset: w.starts[1], salt: testSalt + 1, payload: checksum([]byte("evil"))}
	copy(image[w.starts[1]:], append(f.append(nil), "evil"...))
	w.checkDamaged(t, image, true)
}

func TestRandomDamage(t *testing.T) {
	rng := fsystest.Rand(t)
	for range 1500 {
		w := write(t, randomRecords(rng, 1+rng.IntN(20), 300)...)
		image := slices.Clone(w.bytes)
		for range 1 + rng.IntN(6) {
			from := rng.IntN(len(image))
			for i := from; i < min(from+1+rng.IntN(80), len(image)); i++ {
				image[i] = byte(rng.Uint32())
			}
		}
		w.checkDamaged(t, image, rng.IntN(2) == 0)
	}
}

func TestDamageFarFromTheNextFrame(t *testing.T) {
	big := bytes.Repeat([]byte(frameMagic+"...."), 3*readAhead/8)
	w := write(t, "first", string(big), "last")
	image := slices.Clone(w.bytes)
	image[w.starts[1]] ^= 1 // The header is lost, and with it the record's length.
	r := w.checkDamaged(t, image, true)
	if len(r.Damaged) != 1 || r.Damaged[0].Length != w.ends[1]-w.starts[1] {
		t.Errorf("damaged %v", r.Damaged)
	}
	// A record full of the magic must not be read again at each of them.
	disk := w.disk(t, image)
	reads := 0
	disk.SetHook(func(op fsystest.Op) error {
		if op.Kind == fsystest.Read {
			reads++
		}
		return nil
	})
	if _, err := Verify(disk, "/", w.seq, true, func([]byte) error { return nil }); err != nil || reads > 20 {
		t.Errorf("%d reads, %v", reads, err)
	}
}

func TestALyingLengthIsNotBelieved(t *testing.T) {
	w := write(t, "first", "last")
	image := slices.Clone(w.bytes)
	head := image[w.starts[0]:]
	binary.LittleEndian.PutUint32(head[4:], MaxRecord+1)
	binary.LittleEndian.PutUint32(head[28:], checksum(head[:28]))
	w.checkDamaged(t, image, true)
}

func TestMuchDamageIsListedInBounds(t *testing.T) {
	records := make([]string, 4*maxDamage)
	for i := range records {
		records[i] = fmt.Sprint(i)
	}
	w := write(t, records...)
	image := slices.Clone(w.bytes)
	for i := 0; i < len(records); i += 2 {
		image[w.starts[i]+frameSize] ^= 1
	}
	r := w.checkDamaged(t, image, false)
	if len(r.Damaged) != maxDamage || r.MoreDamaged != maxDamage {
		t.Errorf("%d listed and %d more", len(r.Damaged), r.MoreDamaged)
	}
	files := w.disk(t, image)
	replayed(t, files, "/", w.seq, false)
	entries, err := files.ReadDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != maxDamage+1 {
		t.Errorf("%d files, want the segment and %d copies", len(entries), maxDamage)
	}
}

// The search for the next frame reads in pieces; its magic may lie across two.
func TestTheNextFrameAcrossTwoReads(t *testing.T) {
	for k := range len(frameMagic) + 1 {
		w := write(t, string(make([]byte, readAhead-k-headerSize-frameSize)), "last")
		image := slices.Clone(w.bytes)
		image[w.starts[0]] ^= 1
		w.checkDamaged(t, image, true)
	}
}

// A record may hold the bytes of a frame that is right in every way. As long as
// the record's own header is whole, they are never taken for one.
func TestAFrameInsideADamagedRecord(t *testing.T) {
	inner := frame{length: 4, offset: headerSize + frameSize + 8, salt: testSalt, payload: checksum([]byte("evil"))}
	w := write(t, "12345678"+string(inner.append(nil))+"evil", "last")
	image := slices.Clone(w.bytes)
	image[headerSize+frameSize] ^= 1
	w.checkDamaged(t, image, true)
	// Cut short behind the inner frame.
	w = write(t, w.records[0]+"and more")
	w.checkDamaged(t, w.bytes[:len(w.bytes)-1], true)
}
