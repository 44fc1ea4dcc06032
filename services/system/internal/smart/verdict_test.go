package smart

import (
	"slices"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	disk := func(change func(*Report)) Report {
		r := Report{Protocol: "ATA", Rotational: true, Supported: true, Passed: num(true), Temperature: num(35), Reallocated: num(int64(0)), Pending: num(int64(0)), Uncorrected: num(int64(0))}
		if change != nil {
			change(&r)
		}
		return r
	}
	hot := func(c int) Report { return disk(func(r *Report) { r.Temperature = num(c) }) }
	flash := func(c int) Report {
		return disk(func(r *Report) { r.Temperature = num(c); r.Rotational = false })
	}
	replaced := func(n int64) Report { return disk(func(r *Report) { r.Reallocated = num(n) }) }
	nvme := func(bits byte) Report {
		return Report{Protocol: "NVMe", Passed: num(bits == 0), Warnings: bits, Temperature: num(40), Spare: num(100), SpareMin: num(10), Wear: num(10)}
	}
	for _, c := range []struct {
		name string
		was  []Condition
		r    Report
		want []Condition
	}{
		{"well", nil, disk(nil), nil},
		{"well again", []Condition{Failing, Silent, Pending, Uncorrected, Reallocated, Hot}, disk(nil), nil},
		{"nothing is known", nil, Report{Protocol: "SCSI"}, nil},
		{"its own verdict", nil, disk(func(r *Report) { r.Passed = num(false) }), []Condition{Failing}},
		{"no verdict is none", []Condition{Failing}, disk(func(r *Report) { r.Passed = nil }), nil},
		{"warm", nil, hot(54), nil},
		{"hot", nil, hot(55), []Condition{Hot}},
		{"a little cooler stays hot", []Condition{Hot}, hot(51), []Condition{Hot}},
		{"cool", []Condition{Hot}, hot(50), nil},
		{"it does not say how hot it is now", []Condition{Hot}, disk(func(r *Report) { r.Temperature = nil }), []Condition{Hot}},
		{"flash bears more", nil, flash(69), nil},
		{"but not all", nil, flash(70), []Condition{Hot}},
		{"one sector that cannot be read", nil, disk(func(r *Report) { r.Pending = num(int64(1)) }), []Condition{Pending}},
		{"one uncorrected error", nil, disk(func(r *Report) { r.Uncorrected = num(int64(1)) }), []Condition{Uncorrected}},
		{"some sectors replaced", nil, replaced(9), nil},
		{"many", nil, replaced(10), []Condition{Reallocated}},
		{"fewer, by a firmware that counts anew", []Condition{Reallocated}, replaced(5), []Condition{Reallocated}},
		{"none to speak of", []Condition{Reallocated}, replaced(4), nil},
		{"worn", nil, disk(func(r *Report) { r.Wear = num(90) }), []Condition{Worn}},
		{"a failed test", nil, disk(func(r *Report) { r.Tests = []Test{{Failed: true}, {}} }), []Condition{TestFailed}},
		{"one that passed since", []Condition{TestFailed}, disk(func(r *Report) { r.Tests = []Test{{}, {Failed: true}} }), nil},
		{"the list of tests cannot be read this time", []Condition{TestFailed}, disk(nil), []Condition{TestFailed}},
		{"it answers", []Condition{Silent, Pending}, disk(nil), nil},
		{"an NVMe disk's warnings are told one by one", nil, nvme(0x0d), []Condition{ReadOnly, Unreliable, Spent}},
		{"its temperature warning is no failure", nil, nvme(0x02), []Condition{Hot}},
		{"spare blocks below the maker's limit", nil, Report{Protocol: "NVMe", Spare: num(9), SpareMin: num(10)}, []Condition{Spent}},
	} {
		if got := Judge(c.was, c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestReasonsSayWhatIsWrong(t *testing.T) {
	r := dumps["ata-disk"]
	for c, want := range map[Condition]string{Pending: "3 sectors", Reallocated: "12 sectors", TestFailed: "Completed: read failure", Failing: "Replace it", Hot: "36 °C"} {
		if got := c.Reason(r); !strings.Contains(got, want) {
			t.Errorf("%s: %q", c, got)
		}
	}
	for _, c := range order {
		if got := c.Reason(Report{}); !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q", c, got)
		}
	}
	if !Spent.Severe() || Silent.Severe() {
		t.Error("what is severe")
	}
}
