package atomicfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestWriteReplacesContentAndPermissions(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "a.json")
	for i, perm := range []os.FileMode{0o600, 0o644, 0o640} {
		want := bytes.Repeat([]byte{byte(i)}, 1<<i)
		if err := Write(path, want, perm); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("content %q, %v; want %q", got, err, want)
		}
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != perm {
			t.Fatalf("mode %v, %v; want %v", st.Mode(), err, perm)
		}
	}
	only(t, filepath.Dir(path), "a.json")
}

func TestFailedWriteLeavesOldContentAndNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	// A folder that is not empty cannot be replaced by a file: the rename fails.
	if err := os.MkdirAll(filepath.Join(path, "child"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600); err == nil {
		t.Fatal("no error for a path that is a folder")
	}
	only(t, dir, "a")
	if err := Write(filepath.Join(dir, "none", "b"), nil, 0o600); err == nil {
		t.Fatal("no error for a folder that does not exist")
	}
}

func TestReadersNeverSeeHalfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	content := func(i int) []byte { return bytes.Repeat([]byte(fmt.Sprintf("%04d", i)), 5000) }
	if err := Write(path, content(0), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			for i := range 20 {
				if err := Write(path, content(w*100+i), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		for {
			got, err := os.ReadFile(path)
			if err != nil || len(got) != 20000 || !bytes.Equal(got, bytes.Repeat(got[:4], 5000)) {
				t.Errorf("torn read: %d bytes, %v", len(got), err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	wg.Wait()
	close(stop)
	<-reader
}

func only(t *testing.T, dir, name string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 || list[0].Name() != name {
		t.Fatalf("folder holds %v, %v; want only %s", list, err, name)
	}
}
