package archive

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"vigie/services/engine/internal/index"
)

// TestWhatARepairHasTakenTheNameOfIsPutBack: files, a day's folder and a camera's folder come with numbers in the place of
// their names, and among them what is no recording.
func TestWhatARepairHasTakenTheNameOfIsPutBack(t *testing.T) {
	for name, forget := range map[string]bool{"the index is there": false, "and the index is lost": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.volume("a")
			r.use(a)
			const other = "q7w2e4r6"
			var list []index.Segment
			src, second := newSource(camera, r.start), newSource(other, r.start)
			for range 4 {
				list = append(list, r.closed(src, 10), r.closed(second, 10))
			}
			r.stop()
			lost := filepath.Join(a.Path, lostDir)
			ok(t, os.Mkdir(lost, 0o750))
			rename := func(from, to string) {
				ok(t, os.Rename(filepath.Join(a.Path, from), filepath.Join(lost, to)))
			}
			rename(filepath.Join(recDir, other), "131") // the whole folder, with the names below it
			rename(relPath(list[0]), "132")
			rename(relPath(list[2]), "133")
			ok(t, os.Rename(filepath.Join(a.Path, relPath(list[4])), filepath.Join(a.Path, openPath(list[4].Key))))
			rename(openPath(list[4].Key), "134")
			ok(t, os.WriteFile(filepath.Join(lost, "135"), []byte("no recording at all"), 0o600))
			again, err := os.ReadFile(filepath.Join(a.Path, relPath(list[6])))
			ok(t, err)
			ok(t, os.WriteFile(filepath.Join(lost, "136"), again, 0o600)) // a copy of one that is there
			if forget {
				ok(t, os.Remove(filepath.Join(r.dir, "engine.db")))
			}
			r.open()
			r.use(a)
			for i, s := range list {
				await(t, "recording "+strconv.Itoa(i)+" is back", func() bool {
					got, found, err := r.idx.Get(s.Key)
					return err == nil && found && got == s
				})
				consecutive(t, r.frames(s.ID()), i/2*10, 10)
			}
			entries, err := os.ReadDir(lost)
			ok(t, err)
			if len(entries) != 2 || entries[0].Name() != "135" || entries[1].Name() != "136" {
				t.Errorf("left: %v", entries)
			}
			if tl, err := r.arch.Timeline(camera, 0, 1<<50); err != nil || len(tl.Gaps) != 0 {
				t.Errorf("%+v, %v", tl.Gaps, err)
			}
			await(t, "what is left is told", func() bool {
				v := r.arch.present()[0]
				v.mu.Lock()
				defer v.mu.Unlock()
				return v.rebuild.strange == 2
			})
		})
	}
}

// TestALostDuplicateIsPutBackAsOne: its file says the stream alone.
func TestALostDuplicateIsPutBackAsOne(t *testing.T) {
	r := newRig(t)
	a, b := r.volume("a"), r.volume("b")
	r.use(a, b)
	first := r.closed(newSource(camera, r.start), 10)
	seg, err := r.second(newSource(camera, r.start), 10)
	ok(t, err)
	seg.Close()
	var twin index.Segment
	await(t, "the duplicate is indexed", func() (found bool) {
		twin, found, _ = r.idx.Get(seg.Key())
		return found
	})
	ok(t, r.idx.Forget(twin))
	r.stop()
	path := map[string]string{"a": a.Path, "b": b.Path}[twin.Volume]
	ok(t, os.Mkdir(filepath.Join(path, lostDir), 0o750))
	ok(t, os.Rename(filepath.Join(path, relPath(twin)), filepath.Join(path, lostDir, "131")))
	r.open()
	r.use(a, b)
	await(t, "it is back", func() bool {
		got, found, err := r.idx.Get(twin.Key)
		return err == nil && found && got == twin
	})
	if got, found, err := r.idx.Get(first.Key); err != nil || !found || got != first {
		t.Errorf("the original: %+v, %v, %v", got, found, err)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
