package worker

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"herringbone/sql/duck"
)

// dead is a process that has ended, with bytes that it has left in the socket.
func dead(t testing.TB) *process {
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stderr: &stderrHead{}, ended: make(chan struct{})}
	close(p.ended)
	return p
}

// readAll reads what a child has sent as the answer to a query, values and all.
func readAll(p *process, sent []byte) error {
	p.frames = newFrames(bytes.NewBuffer(sent))
	s := &Session{pool: &Pool{opts: Default(), m: newMetrics(nil)}, proc: p}
	a := &answer{session: s, ctx: context.Background(), stop: func() bool { return true }}
	r, err := newRows(a, QueryOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		for _, column := range r.Batch().Columns() {
			for i := range column.Len() {
				_ = column.ValueStr(i)
			}
		}
	}
	return r.Err()
}

// sent is a whole answer of a well-behaved child.
func sent(t testing.TB) []byte {
	i, err := duck.Open(duck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	var socket bytes.Buffer
	c := &child{frames: newFrames(&socket), instance: i}
	r := request{kind: kindQuery, ctx: context.Background(), payload: []byte(`{"sql":
		"SELECT range AS n, 'v' || range AS s, [range, 2] AS l, {'a': range, 'b': 'x'} AS t, ['a','b'][range % 2 + 1]::ENUM('a','b') AS e FROM range(20)"}`)}
	if err := c.answer(r); err != nil {
		t.Fatal(err)
	}
	return socket.Bytes()
}

// A child that was taken over sends what it likes: no panic, no hang, no memory
// for what is only announced.
func TestNonsenseFromAChild(t *testing.T) {
	p, good := dead(t), sent(t)
	if err := readAll(p, good); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	// The others have made a column a union without type codes, and one of fixed
	// size too short.
	for _, seed := range []uint64{uint64(time.Now().UnixNano()), 1795348613118982779, 1795349142409914698} {
		t.Logf("seed %d", seed)
		nonsense(t, p, good, rand.New(rand.NewPCG(seed, 1)))
	}
}

func nonsense(t *testing.T, p *process, good []byte, rng *rand.Rand) {
	var before, after runtime.MemStats
	for range 3_000 {
		bad := bytes.Clone(good)
		for range 1 + rng.IntN(3) {
			bad[rng.IntN(len(bad))] ^= byte(1 + rng.IntN(255))
		}
		runtime.ReadMemStats(&before)
		_ = readAll(p, bad[:len(bad)-rng.IntN(2)*rng.IntN(len(bad))])
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > maxBody+(8<<20) {
			t.Fatalf("%d bytes allocated for an answer of %d", grown, len(bad))
		}
	}
}

func TestAnnouncedIsNotAllocated(t *testing.T) {
	p := dead(t)
	for name, sent := range map[string][]byte{
		"frame":   {byte(kindMeta), 0xff, 0xff, 0xff, 0xff},
		"unknown": {'?', 0, 0, 0, 0},
		"short":   {byte(kindMeta) | moreBit, 0, 4, 0, 0, 1, 2},
		"mixed":   {byte(kindMeta) | moreBit, 0, 0, 0, 0, byte(kindBody), 0, 0, 0, 0},
		"rows":    {byte(kindBody), 0, 0, 0, 0},
		"nothing": {byte(kindOK), 0, 0, 0, 0},
		"silence": {},
	} {
		err := readAll(p, sent)
		var died *DiedError
		if !errors.As(err, &died) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Metadata without an end.
	endless := bytes.Repeat(append([]byte{byte(kindMeta) | moreBit, 0, 4, 0, 0}, make([]byte, maxFrame)...), maxMeta/maxFrame+1)
	if err := readAll(p, endless); !errors.Is(err, ErrDied) {
		t.Errorf("endless: %v", err)
	}
}

// Offsets that leave the column, which the array types do not look at.
func TestCheckFindsBadOffsets(t *testing.T) {
	offsets := arrow.Int32Traits.CastToBytes([]int32{0, 5, 2, 3})
	data := array.NewData(arrow.BinaryTypes.String, 3,
		[]*memory.Buffer{nil, memory.NewBufferBytes(offsets), memory.NewBufferBytes([]byte("abcde"))}, nil, 0, 0)
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBatch(schema, []arrow.Array{array.NewStringData(data)}, 3)
	if err := check(b); err == nil {
		t.Error("not found")
	}
	var _ ipc.PayloadWriter = outgoing{}
}
