package ledger

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/tools/simcam/stamp"
)

func TestLedgerComesBackFromItsFile(t *testing.T) {
	var file bytes.Buffer
	b := New(&file)
	want := []Frame{{Number: 7, CaptureUs: 280_000, Size: 9000, Keyframe: true, Readers: 1}, {Number: 8, CaptureUs: 320_000, Size: 10}}
	for _, f := range want {
		b.Add("cam1", f)
	}
	b.Add("cam2", Frame{Number: 1})
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	file.WriteString(`{"camera":"cam1","num`) // killed while writing
	got, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got.Frames("cam1")); d != "" {
		t.Error(d)
	}
	if len(got.Frames("cam2")) != 1 || len(got.Frames("cam3")) != 0 {
		t.Error("other cameras' entries are wrong")
	}
}

func TestDamagedLedgerIsNamedByLine(t *testing.T) {
	_, err := Read(strings.NewReader("{\"camera\":\"a\",\"number\":1}\nnonsense\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v, want an error that names line 2", err)
	}
}

func TestCompareFindsWhatIsWrong(t *testing.T) {
	sent := func(readers int) (f []Frame) {
		for n := int64(10); n < 20; n++ {
			f = append(f, Frame{Number: n, Readers: readers})
		}
		return f
	}
	stamps := func(numbers ...int64) (s []stamp.Stamp) {
		for _, n := range numbers {
			s = append(s, stamp.Stamp{Camera: "c", Number: n, Capture: time.Unix(n, 0)})
		}
		return s
	}
	for _, c := range []struct {
		name     string
		recorded []stamp.Stamp
		readers  int
		want     Report
		good     bool
	}{
		{"a span of it all", stamps(12, 13, 14), 1, Report{Recorded: 3, First: 12, Last: 14}, true},
		{"a missing frame", stamps(12, 14), 1, Report{Recorded: 2, First: 12, Last: 14, Missing: []int64{13}}, false},
		{"missing, but nobody was connected", stamps(12, 14), 0, Report{Recorded: 2, First: 12, Last: 14}, true},
		{"a repeat", stamps(12, 12), 1, Report{Recorded: 2, First: 12, Last: 12, Repeated: []int64{12}}, false},
		{"wrong order", stamps(12, 14, 13), 1, Report{Recorded: 3, First: 12, Last: 14, Disordered: []int64{13}}, false},
		{"never sent", stamps(19, 20), 1, Report{Recorded: 2, First: 19, Last: 20, Unknown: []int64{20}}, false},
		{"nothing", nil, 1, Report{}, false},
	} {
		got := Compare(sent(c.readers), c.recorded)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if (got.Err() == nil) != c.good {
			t.Errorf("%s: Err %v", c.name, got.Err())
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("{\"camera\":\"cam1\",\"number\":1,\"captureUs\":2,\"size\":3,\"keyframe\":true,\"readers\":1}\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = Read(bytes.NewReader(b))
	})
}
