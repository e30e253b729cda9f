package catalog

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// childEnv, if set, makes the test binary the child of TestKill: it commits to
// the database named there until it is killed.
const childEnv = "CATALOG_TEST_KILL_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, commitForEver(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// step is the n-th edit of a history in which every edit adds two files and a
// tombstone, removes and lifts one of the edit before, adds to a receipt that
// stays, and moves the log position on.
func step(n int) Edit {
	e := Edit{Token: fmt.Sprint("step ", n), WAL: &WALPosition{Node: "node", Segment: uint64(n)}}
	e.Add = []File{testFile(fmt.Sprintf("%d-out", n), int64(n%5)), testFile(fmt.Sprintf("%d-stays", n), int64(n%5))}
	e.Tombstones = []Tombstone{testTombstone(fmt.Sprintf("tomb-%d", n))}
	if n > 1 {
		e.Purged = []Purge{{Tombstone: "tomb-1", Rows: 3, Files: 1}}
		e.Lift = []string{fmt.Sprintf("tomb-%d", n-1)}
		e.Remove = []string{fmt.Sprintf("%d-out", n-1)}
	}
	return e
}

// commitForEver goes on where the database is and prints the number of each
// step when it is acknowledged. It begins by repeating the last one.
func commitForEver(path string) error {
	ctx := context.Background()
	c, err := Open(ctx, path, DefaultOptions(), nil)
	if err != nil {
		return err
	}
	at, err := c.WALPosition(ctx, "node")
	if err != nil {
		return err
	}
	for n := max(1, int(at)); ; n++ {
		if _, err := c.Commit(ctx, step(n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestKill(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "catalog.db")
	total := 0
	for range 12 {
		acknowledged := killChild(t, path, time.Duration(r.IntN(150))*time.Millisecond)
		c, err := Open(t.Context(), path, DefaultOptions(), nil)
		if err != nil {
			t.Fatal(err)
		}
		position, err := c.WALPosition(t.Context(), "node")
		if err != nil {
			t.Fatal(err)
		}
		total = max(total, acknowledged)
		n := int(position)
		if n < total || n > total+1 {
			t.Fatalf("step %d was acknowledged, the database is at %d", total, n)
		}
		wantHistory(t, c, n)
		total = n
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d commits", total)
	if total < 12 {
		t.Error("the child committed next to nothing")
	}
}

// killChild kills a child some time after its first acknowledgement and
// returns the last one.
func killChild(t *testing.T, path string, after time.Duration) (last int) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last == 0 {
			time.AfterFunc(after, func() { child.Process.Kill() })
		}
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return last
}

// wantHistory: exactly what the first n steps leave.
func wantHistory(t *testing.T, c *Catalog, n int) {
	t.Helper()
	want := map[string]bool{fmt.Sprintf("%d-out", n): true}
	for i := 1; i <= n; i++ {
		want[fmt.Sprintf("%d-stays", i)] = true
	}
	for f := range c.Snapshot().All() {
		if !want[f.ID] {
			t.Errorf("file %s should not be there after step %d", f.ID, n)
		}
		delete(want, f.ID)
	}
	for id := range want {
		t.Errorf("file %s is missing after step %d", id, n)
	}
	if laid := c.Snapshot().Tombstones("t"); len(laid) != 1 || laid[0].ID != fmt.Sprintf("tomb-%d", n) {
		t.Errorf("tombstones %v after step %d", laid, n)
	}
	first, err := c.Receipt(t.Context(), "tomb-1")
	if want := int64(n-1) * 3; err != nil || first.Purged != want || (first.Done != 0) != (n > 1) {
		t.Errorf("the first tombstone is %+v, %v after step %d; want %d purged", first, err, n, want)
	}
	if found, err := c.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("check after step %d: %v, %v", n, found, err)
	}
}
