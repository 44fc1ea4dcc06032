package archive

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/services/engine/internal/index"
)

// damaged is an archive of four recordings: the index has lost one, has another by a wrong size and a third by the name of a
// file that is not there; and a stranger lies among them.
func damaged(t *testing.T) (k *keeping, whole []index.Segment, lost index.Segment) {
	k = newKeeping(t, "unsynchronised")
	a := k.volume("a")
	k.use(a)
	for i := range 4 {
		whole = append(whole, k.aged(camera, time.Duration(i+1)*time.Hour))
	}
	lost = whole[3]
	lost.StartMs -= 3_600_000
	lost.EndMs -= 3_600_000
	wrong := whole[1]
	wrong.SizeBytes += 5
	if err := k.idx.Forget(whole[0]); err != nil {
		t.Fatal(err)
	}
	if err := k.idx.Put(lost, wrong); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.Path, relPath(whole[2]))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stranger := whole[2] // a copy that says of itself to be of another hour
	stranger.StartMs += 600_000
	stranger.EndMs += 600_000
	if err := os.MkdirAll(filepath.Dir(filepath.Join(a.Path, relPath(stranger))), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.Path, relPath(stranger)), b, 0o640); err != nil {
		t.Fatal(err)
	}
	return k, whole, lost
}

func TestTheIndexIsComparedWithTheFiles(t *testing.T) {
	k, _, lost := damaged(t)
	told := 0
	looks, err := k.arch.Compare(t.Context(), func([]Look) { told++ })
	if err != nil || len(looks) != 1 || told == 0 {
		t.Fatalf("%+v, %v", looks, err)
	}
	if l := looks[0]; l.Files != 5 || l.Added != 1 || l.Strange != 1 || l.Lost != 1 || l.Skipped != "" || l.Done != 1 || l.Total != 1 {
		t.Errorf("%+v", l)
	}
	if !k.has(lost.Key) {
		t.Error("something was changed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.arch.Compare(ctx, func([]Look) {}); err == nil {
		t.Error("it does not stop")
	}
}

func TestTheIndexIsRebuiltFromTheFilesWhileItIsRecorded(t *testing.T) {
	k, whole, lost := damaged(t)
	src := newSource(other, time.Now())
	seg := k.record(src, 10)
	done := make(chan struct{})
	go func() { // what is closed meanwhile
		defer close(done)
		time.Sleep(5 * time.Millisecond)
		seg.Close()
	}()
	looks, err := k.arch.LookAgain(t.Context(), func([]Look) {})
	<-done
	if err != nil || len(looks) != 1 {
		t.Fatalf("%+v, %v", looks, err)
	}
	if l := looks[0]; l.Added < 1 || l.Added > 2 || l.Lost != 1 || l.Strange != 1 || l.Skipped != "" {
		t.Errorf("%+v", l)
	}
	if k.has(lost.Key) {
		t.Error("what is not there is still in the index")
	}
	for _, s := range whole {
		if now, found, err := k.idx.Get(s.Key); err != nil || !found || now != s {
			t.Errorf("%+v, want %+v, %v", now, s, err)
		}
	}
	if n := k.count(camera); n != len(whole) {
		t.Errorf("%d segments", n)
	}
	await(t, "what was recorded meanwhile is there", func() bool {
		s, found, err := k.idx.Get(seg.Key())
		return err == nil && found && !s.Unchecked
	})
	if totals := k.idx.Totals("a"); totals.Segments != int64(len(whole))+1 {
		t.Errorf("%+v", totals)
	}
	if mended, err := k.idx.Verify(t.Context()); err != nil || mended != 0 {
		t.Errorf("%d groups had wrong totals, %v", mended, err)
	}
	// Nothing is left to be found.
	if looks, err = k.arch.LookAgain(t.Context(), func([]Look) {}); err != nil || looks[0].Added != 0 || looks[0].Lost != 0 {
		t.Errorf("%+v, %v", looks, err)
	}
}
