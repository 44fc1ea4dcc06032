package smart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func num[T any](v T) *T { return &v }

var dumps = map[string]Report{
	"ata-disk": {
		Protocol: "ATA", Model: "WDC WD40PURZ-85TTDY0", Serial: "WD-WCC7K0000001", Firmware: "80.00A80", Rotational: true, RPM: 5400, Supported: true, Passed: num(true),
		Temperature: num(36), Hours: num(int64(24132)), Reallocated: num(int64(12)), Pending: num(int64(3)), Uncorrected: num(int64(0)), Link: num(int64(7)),
		Testing: &Progress{Percent: 70}, ShortMinutes: 2, LongMinutes: 452, CanTest: true,
		Tests: []Test{{"Extended offline", "Completed: read failure", true, 24100}, {"Short offline", "Completed without error", false, 23900}},
	},
	"ata-flash": {
		Protocol: "ATA", Model: "Samsung SSD 860 EVO 500GB", Serial: "S3Z2NB0K000001X", Firmware: "RVT04B6Q", Supported: true, Passed: num(true),
		Temperature: num(41), Hours: num(int64(19021)), Reallocated: num(int64(0)), Uncorrected: num(int64(0)), Wear: num(34), ShortMinutes: 2, LongMinutes: 85, CanTest: true,
	},
	"nvme": {
		Protocol: "NVMe", Model: "Samsung SSD 970 EVO Plus 1TB", Serial: "S4EWNF0M000001X", Firmware: "2B2QEXM7", Supported: true, Passed: num(false),
		Temperature: num(52), Hours: num(int64(31000)), Wear: num(103), Uncorrected: num(int64(0)), Warnings: 1, Spare: num(6), SpareMin: num(10), CanTest: true,
		Testing: &Progress{"short", 35},
		Tests:   []Test{{"Extended", "Aborted: Self-test command", false, 30100}, {"Short", "Completed: failed segments", true, 30000}},
	},
	"scsi": {
		Protocol: "SCSI", Model: "SEAGATE ST4000NM0025", Serial: "ZC100001", Firmware: "N004", Rotational: true, RPM: 7200, Supported: true, Passed: num(true),
		Temperature: num(33), Hours: num(int64(35000)), Reallocated: num(int64(2)), Uncorrected: num(int64(1)), CanTest: true,
		Tests: []Test{{"Background short", "Completed", false, 34990}, {"Background long", "Failed in segment -->", true, 30000}},
	},
	"usb-failing": {
		Protocol: "ATA", Model: "Hitachi HDS721050DLE630", Serial: "MSK0000000001X", Firmware: "MS1OA650", Rotational: true, RPM: 7200, Supported: true, Passed: num(false),
		Temperature: num(25), Hours: num(int64(65592)), Reallocated: num(int64(1975)), Pending: num(int64(8)), Uncorrected: num(int64(0)), Link: num(int64(0)),
		ShortMinutes: 1, LongMinutes: 79, CanTest: true,
	},
	"megaraid": {
		Protocol: "ATA", Model: "WD4000FYYX", Serial: "WD-WMC130000001", Firmware: "00.0D1K4", Rotational: true, RPM: 7200, Supported: true, Passed: num(true),
		Temperature: num(36), Hours: num(int64(37788)), Reallocated: num(int64(387)), Pending: num(int64(0)), Uncorrected: num(int64(0)), Link: num(int64(0)),
		ShortMinutes: 2, LongMinutes: 503, CanTest: true,
	},
	"raid-volume": {Protocol: "SCSI", Model: "Intel Raid 1 Volume", Serial: "1d000001", Firmware: "1.0.", Rotational: true, RPM: 7200},
	"qemu-ata": {
		Protocol: "ATA", Model: "QEMU HARDDISK", Serial: "DATA0", Firmware: "2.5+", Supported: true, Passed: num(true),
		Temperature: num(31), Reallocated: num(int64(0)), ShortMinutes: 2, LongMinutes: 54, CanTest: true,
	},
}

func dump(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseReadsEachKindOfDisk(t *testing.T) {
	for name, want := range dumps {
		got, err := Parse(dump(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestParseRefusesWhatSaysNothing(t *testing.T) {
	for text, want := range map[string]string{
		"":   "smartctl's answer",
		"{}": "says nothing",
		`{"smartctl":{"messages":[{"string":"/dev/x: Unable to detect\u001b device type","severity":"error"}]}}`: "Unable to detect device type",
		`{"device":{"protocol":"ATA"}}`: "says nothing",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for name := range dumps {
		f.Add(dump(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		if len(r.Tests) > maxTests || strings.ContainsAny(r.Model+r.Serial+r.Firmware, "\x00\x1b\n") {
			t.Fatalf("got %+v", r)
		}
		if p := r.Testing; p != nil && (p.Percent < 0 || p.Percent > 100) {
			t.Fatalf("a test of %d %%", p.Percent)
		}
		for _, c := range Judge(nil, r) {
			if c.Reason(r) == "" {
				t.Fatalf("%s without a reason", c)
			}
		}
	})
}
