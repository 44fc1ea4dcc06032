package archive

import (
	"math"
	"testing"
	"time"
)

// segments is how many of a camera the index has.
func (r *rig) segments(camera string) int {
	r.t.Helper()
	list, err := r.idx.Segments(camera, 0, math.MaxInt64)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list)
}

// TestAnotherMachinesRecordingsShowWhileTheirDiskIsThere, are not deleted, and belong to this machine once it is adopted.
func TestAnotherMachinesRecordingsShowWhileTheirDiskIsThere(t *testing.T) {
	other := newRig(t)
	theirs := other.volume("theirs")
	other.use(theirs)
	for n := range 3 {
		other.closed(newSource("camerab1", other.start.Add(time.Duration(n)*10*time.Second)), 20)
	}
	other.stop()

	r := newRig(t)
	own, read := r.volume("own"), theirs
	read.ReadOnly, read.Foreign = true, true
	r.use(own, read)
	mine := r.closed(newSource("cameraa1", r.start), 20)
	await(t, "they show", func() bool { return r.segments("camerab1") == 3 })
	if status, reason := r.status("theirs"); status != ReadOnly || reason != "It is another machine's, and only read." {
		t.Errorf("%s: %s", status, reason)
	}
	list, err := r.idx.Segments("camerab1", 0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	consecutive(t, r.frames(list[0].ID()), 0, 20)
	if past, err := r.arch.Past(func(id string) bool { return id == "cameraa1" }); err != nil || len(past) != 1 || past[0].ID != "camerab1" {
		t.Errorf("past cameras %+v, %v", past, err)
	}

	r.use(own) // pulled
	await(t, "they are missed by nobody", func() bool { return r.segments("camerab1") == 0 && r.idx.Totals("theirs").Segments == 0 })
	if r.segments("cameraa1") != 1 || mine.Volume != "own" {
		t.Error("this machine's are gone as well")
	}
	r.use(own, read)
	await(t, "they show again", func() bool { return r.segments("camerab1") == 3 })

	// Pulled while the engine does not run.
	r.stop()
	r.open()
	r.use(own)
	await(t, "they are missed by nobody", func() bool { return r.segments("camerab1") == 0 })
	r.use(own, read)
	await(t, "they show once more", func() bool { return r.segments("camerab1") == 3 })

	// Adopted, and missed from then on.
	r.use(own, theirs)
	await(t, "it is recorded to", func() bool { status, _ := r.status("theirs"); return status == OK })
	r.use(own)
	if n := r.segments("camerab1"); n != 3 {
		t.Errorf("%d segments", n)
	}
	if status, _ := r.status("theirs"); status != Absent {
		t.Errorf("it is %s", status)
	}
}
