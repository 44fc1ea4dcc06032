package archive

import (
	"errors"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
)

// retire is a change that retires a volume, or takes that back.
func retire(yes bool) VolumeChange { return VolumeChange{Retired: &yes} }

// begin begins a segment of a camera and says on which volume.
func (r *rig) begin(src *source) *Segment {
	r.t.Helper()
	s := r.record(src, 10)
	r.t.Cleanup(s.Close)
	return s
}

func (r *rig) warned(about string) bool {
	for _, w := range r.arch.Recording().Warnings {
		if strings.Contains(w, about) {
			return true
		}
	}
	return false
}

func TestAPinnedCameraIsRecordedWhereItIsToBe(t *testing.T) {
	r := newRig(t)
	r.stop()
	pinned := map[string]string{}
	r.cfg.Pinned = func(camera string) string { return pinned[camera] }
	r.open()
	r.use(r.mounted("a", "64m"), r.mounted("b", "64m"))
	pinned["cameraa1"] = "b"
	for range 5 { // however much more there is to do
		if s := r.begin(newSource("cameraa1", r.start)); s.Volume() != "b" || s.Moves() {
			t.Fatalf("pinned to b, recorded to %s", s.Volume())
		}
		r.start = r.start.Add(1e9)
	}
	if s := r.begin(newSource("camerab1", r.start)); s.Volume() != "a" {
		t.Errorf("another camera, with nothing on a, is recorded to %s", s.Volume())
	}
	// A volume that is not there keeps nothing from being recorded, and it is told.
	pinned["cameraa1"], pinned["camerab1"] = "gone", "gone"
	if s := r.begin(newSource("cameraa1", r.start)); s.Volume() == "" {
		t.Error("not recorded")
	}
	if !r.warned("cameraa1 and 1 other cameras are to be recorded to volume") {
		t.Errorf("warnings %q", r.arch.Recording().Warnings)
	}
	pinned["cameraa1"], pinned["camerab1"] = "b", "a"
	if r.warned("to be recorded") {
		t.Errorf("warnings %q", r.arch.Recording().Warnings)
	}
	for _, v := range r.arch.present() {
		v.degrade(Degraded, "pulled")
	}
	if _, err := r.arch.Create(newSource("cameraa1", r.start).run, index.Standard, r.start.UnixNano()); err == nil || !strings.Contains(err.Error(), "pulled") {
		t.Errorf("recorded to a volume that failed: %v", err)
	}
}

func TestARetiredVolumeGetsNothingNew(t *testing.T) {
	r := newRig(t)
	a, b := r.mounted("a", "64m"), r.mounted("b", "64m")
	r.use(a)
	src := newSource(camera, r.start)
	first := r.begin(src)
	kept := r.closed(newSource("camerab1", r.start), 10)
	if err := r.arch.ChangeVolume("b", retire(true)); !errors.Is(err, ErrUnknownVolume) {
		t.Errorf("a volume that was never seen: %v", err)
	}
	if err := r.arch.ChangeVolume("a", retire(true)); err != nil {
		t.Fatal(err)
	}
	if !first.Moves() {
		t.Error("what is written to it does not move")
	}
	// Nothing else is there: better there than nowhere, and it is told. That segment stays where it is.
	if s := r.begin(src); s.Volume() != "a" || s.Moves() || !r.warned("is retired, but no other takes recordings") {
		t.Errorf("on %s, moves %t, warnings %q", s.Volume(), s.Moves(), r.arch.Recording().Warnings)
	}
	r.use(a, b)
	if s := r.begin(src); s.Volume() != "b" || s.Moves() {
		t.Errorf("recorded to %s although b is there", s.Volume())
	}
	if _, found, err := r.idx.Get(kept.Key); !found || err != nil {
		t.Errorf("what was on it: %t %v", found, err)
	}
	// It stays so over a restart, and until it is taken back.
	r.stop()
	r.open()
	r.use(a, b)
	for _, v := range r.arch.Recording().Volumes {
		if v.Retired != (v.ID == "a") {
			t.Errorf("%s retired: %t", v.ID, v.Retired)
		}
	}
	if s := r.begin(newSource("camerac1", r.start)); s.Volume() != "b" {
		t.Errorf("recorded to %s after a restart", s.Volume())
	}
	if err := r.arch.ChangeVolume("a", retire(false)); err != nil {
		t.Fatal(err)
	}
	if s := r.begin(newSource("camerad1", r.start)); s.Volume() != "a" {
		t.Errorf("recorded to %s, which has more to do", s.Volume())
	}
}

// TestAPinnedVolumeThatIsRetiredGetsNothingNew: the later word counts.
func TestAPinnedVolumeThatIsRetiredGetsNothingNew(t *testing.T) {
	r := newRig(t)
	r.stop()
	r.cfg.Pinned = func(string) string { return "a" }
	r.open()
	r.use(r.mounted("a", "64m"), r.mounted("b", "64m"))
	if s := r.begin(newSource(camera, r.start)); s.Volume() != "a" {
		t.Fatalf("recorded to %s", s.Volume())
	}
	if err := r.arch.ChangeVolume("a", retire(true)); err != nil {
		t.Fatal(err)
	}
	if s := r.begin(newSource("camerab1", r.start)); s.Volume() != "b" || !r.warned("to be recorded to volume Disk a") {
		t.Errorf("recorded to %s, warnings %q", s.Volume(), r.arch.Recording().Warnings)
	}
}

// TestAVolumeThatReplacesAnotherTakesItsSettingsOver, and people can tell the two.
func TestAVolumeThatReplacesAnotherTakesItsSettingsOver(t *testing.T) {
	r := newRig(t)
	r.use(r.volume("a"))
	if err := r.arch.ChangeVolume("a", limitOf(70)); err != nil {
		t.Fatal(err)
	}
	r.closed(newSource("cameraa1", r.start), 10)
	second := r.volume("b")
	second.Name, second.Replaces = "a's", "a"
	for range 2 { // it is told again and again
		r.use(second)
	}
	list := r.arch.Recording().Volumes
	if len(list) != 2 || !strings.HasSuffix(list[0].Name, "(replaced)") || strings.Count(list[0].Name, "(replaced)") != 1 || list[0].Status != api.RecordingVolumeStatusAbsent || list[1].Name != "a's" || list[1].LimitPercent != 70 {
		t.Errorf("got %+v", list)
	}
	if err := r.arch.ChangeVolume("b", limitOf(50)); err != nil {
		t.Fatal(err)
	}
	r.use(second)
	if list := r.arch.Recording().Volumes; list[1].LimitPercent != 50 {
		t.Errorf("got %+v", list)
	}
}
