package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"herringbone/sql/duck"
	"herringbone/storage/series"
)

// act is what a child does for TestCage: the call that the question names, from
// inside the cage. It answers the error, or ok.
func act(question string) string {
	what, arg, _ := strings.Cut(question, " ")
	pid, _ := strconv.Atoi(arg)
	var err error
	switch what {
	case "env":
		return strings.Join(os.Environ(), " ")
	case "read":
		_, err = os.ReadFile(arg)
	case "list":
		_, err = os.ReadDir(arg)
	case "write":
		err = os.WriteFile(arg, []byte("x"), 0o600)
	case "remove":
		err = os.Remove(arg)
	case "link":
		err = os.Symlink("/etc/passwd", arg)
	case "socket":
		_, err = unix.Socket(pid, unix.SOCK_DGRAM, 0)
	case "exec":
		_, err = os.StartProcess(arg, []string{arg}, &os.ProcAttr{})
	case "execve":
		err = unix.Exec(arg, []string{arg}, nil)
	case "signal":
		err = syscall.Kill(pid, 0)
	case "ptrace":
		err = unix.PtraceAttach(pid)
	case "memory":
		_, err = unix.ProcessVMReadv(pid, nil, nil, 0)
	case "mount":
		err = unix.Mount("none", arg, "tmpfs", 0, "")
	case "unshare":
		err = unix.Unshare(unix.CLONE_NEWUSER)
	case "sleep":
		time.Sleep(time.Hour)
	}
	if err == nil {
		return "ok"
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return "denied"
	}
	return err.Error()
}

func TestCage(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	if s.Landlock() < 1 {
		t.Fatal("no Landlock")
	}
	ask := func(question string) string {
		answer, err := s.Probe(t.Context(), question)
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		return answer
	}
	home := filepath.Dir(s.Dir())
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	us := strconv.Itoa(os.Getpid())
	for _, question := range []string{
		"read /etc/passwd", "read " + outside, "read /proc/" + us + "/environ", "read /proc/self/environ", "read /dev/zero",
		"list /", "list " + home, "list " + filepath.Dir(home), "list /proc",
		"write " + outside, "write " + home + "/x", "write " + s.Dir() + "/x", "write /dev/shm/x", "remove " + outside, "link " + s.Dir() + "/l",
		"link " + home + "/tmp/l",
		"socket " + strconv.Itoa(unix.AF_INET), "socket " + strconv.Itoa(unix.AF_UNIX), "socket " + strconv.Itoa(unix.AF_NETLINK),
		"exec /bin/true", "execve /bin/true", "signal " + us, "signal 1", "ptrace " + us, "memory " + us, "mount /mnt", "unshare x",
	} {
		if got := ask(question); got != "denied" {
			t.Errorf("%s: %s", question, got)
		}
	}
	if got := ask("env"); got != "" {
		t.Errorf("environment: %s", got)
	}
	for _, question := range []string{"list " + s.Dir(), "write " + home + "/tmp/x", "remove " + home + "/tmp/x"} {
		if got := ask(question); got != "ok" {
			t.Errorf("%s: %s", question, got)
		}
	}
	inherited(t, s.PID())
}

// inherited checks the child's descriptors from outside: of the parent's things
// it has one socket and one pipe.
func inherited(t *testing.T, pid int) {
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(fds)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(fds, e.Name()))
		if err != nil {
			continue
		}
		what, _, _ := strings.Cut(target, ":[")
		if !strings.HasPrefix(what, "/proc/") && !strings.HasPrefix(what, "/sys/fs/cgroup") && what != "anon_inode" {
			got = append(got, what)
		}
	}
	slices.Sort(got)
	if want := []string{"/dev/null", "/dev/null", "pipe", "socket"}; !slices.Equal(got, want) {
		t.Errorf("descriptors %q, want %q", got, want)
	}
}

// The same attempts in SQL, with DuckDB's own permission to read and write its
// temporary directory.
func TestStatementsStayInside(t *testing.T) {
	p := newPool(t, options(t))
	before, _ := os.ReadDir(".")
	for _, sql := range []string{
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM glob('/*')",
		"COPY (SELECT 1) TO '/tmp/herringbone-x.csv'",
		"COPY (SELECT 1) TO 'x.csv'",
		"ATTACH '/tmp/herringbone-x.db'",
		"INSTALL httpfs", "LOAD httpfs",
		"SELECT * FROM 'https://example.com/x.parquet'",
		"SELECT getenv('PATH')",
		"SELECT * FROM enable_logging('QueryLog', storage='file', storage_path='$FILES/log')",
		"SELECT * FROM enable_profiling(format='json', save_location='$FILES/p.json')",
		"COPY (SELECT 1) TO '$FILES/x.parquet'",
	} {
		s := take(t, p, acme)
		got, err := rows(t.Context(), s, strings.ReplaceAll(sql, "$FILES", s.Dir()))
		if entries, _ := os.ReadDir(s.Dir()); len(entries) > 0 {
			t.Errorf("%s: made a file: %v", sql, entries)
		}
		s.Close()
		if err == nil && !strings.Contains(sql, "enable_") {
			t.Errorf("%s: %v", sql, got)
		}
	}
	answers(t, p, acme)
	if after, _ := os.ReadDir("."); len(after) != len(before) {
		t.Errorf("new files in the working directory: %v", after)
	}
}

// parquet writes one row (a = n) and returns the file's name.
func parquet(t *testing.T, n int) string {
	t.Helper()
	i, err := duck.Open(duck.Options{Unlocked: true})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	name := filepath.Join(t.TempDir(), "x.parquet")
	if err := i.Exec(t.Context(), fmt.Sprintf("COPY (SELECT %d AS a) TO %s", n, duck.Quote(name))); err != nil {
		t.Fatal(err)
	}
	return name
}

// Files, tables and settings of one query are gone for the next, in the same
// process.
func TestQueriesShareNothing(t *testing.T) {
	p := newPool(t, options(t))
	var last string
	pid := 0
	for n := range 3 {
		idle(t, p)
		s := take(t, p, acme)
		if pid != 0 && s.PID() != pid {
			t.Error("another process; the test needs the same")
		}
		pid = s.PID()
		if last != "" {
			// Not in SQL: a missing file is an error after which the child is replaced.
			if got, err := s.Probe(t.Context(), "read "+last); err != nil || got == "ok" {
				t.Errorf("the file of the query before: %s %v", got, err)
			}
			if _, err := rows(t.Context(), s, "SELECT * FROM secret"); duck.ClassOf(err) != duck.Catalog {
				t.Errorf("the table of the query before: %v", err)
			}
		}
		last = filepath.Join(s.Dir(), fmt.Sprintf("%d.parquet", n))
		if err := os.Link(parquet(t, n), last); err != nil {
			t.Fatal(err)
		}
		if err := s.Exec(t.Context(), "CREATE VIEW secret AS SELECT a + 100 AS a FROM read_parquet(["+duck.Quote(last)+"])"); err != nil {
			t.Fatal(err)
		}
		got, err := rows(t.Context(), s, "SELECT * FROM secret")
		if err != nil || got[0] != strconv.Itoa(100+n) {
			t.Errorf("%v %v", got, err)
		}
		s.Close()
	}
}

func TestTenantsShareNoProcess(t *testing.T) {
	o := options(t)
	o.Children = 2
	p := newPool(t, o)
	owner := map[int]string{}
	for n := range 12 {
		tenant := []string{"a", "b", "c"}[n%3]
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		s, err := p.Take(ctx, series.Tenant(tenant))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := owner[s.PID()]; ok && was != tenant {
			t.Errorf("process %d served %s and %s", s.PID(), was, tenant)
		}
		owner[s.PID()] = tenant
		s.Close()
	}
}
