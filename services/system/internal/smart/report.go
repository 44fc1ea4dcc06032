package smart

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Report is what a disk says about itself. What it does not say is nil.
type Report struct {
	Protocol    string // ATA, NVMe, SCSI
	Model       string
	Serial      string
	Firmware    string
	Rotational  bool
	RPM         int
	Supported   bool  // it has SMART, and it is on
	Passed      *bool // its own verdict
	Temperature *int  // °C
	Hours       *int64
	Wear        *int   // % of what it can be written, used up
	Reallocated *int64 // sectors replaced by spare ones
	Pending     *int64 // sectors that could not be read, and wait for a write
	Uncorrected *int64 // errors that no repetition mended
	Link        *int64 // transfer errors, mostly a bad cable's
	// Of NVMe.
	Warnings byte // critical warnings, as bits (NVM Express base specification, figure "SMART / Health Information")
	Spare    *int // % of spare blocks left
	SpareMin *int // % below which the maker worries

	Testing *Progress // of a self-test that runs
	Tests   []Test    // newest first
	// How long its self-tests take, in minutes; 0: not said.
	ShortMinutes, LongMinutes int
	CanTest                   bool
}

// Progress is how far a self-test has come.
type Progress struct {
	Kind    string // short, long; empty: not said
	Percent int    // done
}

// Test is a self-test that has ended.
type Test struct {
	Kind   string // in words
	Result string // in words
	Failed bool
	Hours  int64 // of the disk's life, when it ended
}

// maxTests bounds what is kept of a disk's list of tests.
const maxTests = 21

// output is the part of "smartctl --json" that is used here.
type output struct {
	Smartctl struct {
		Messages []struct {
			Text     string `json:"string"`
			Severity string `json:"severity"`
		} `json:"messages"`
	} `json:"smartctl"`
	Device struct {
		Protocol string `json:"protocol"`
	} `json:"device"`
	Model       string          `json:"model_name"`
	ScsiModel   string          `json:"scsi_model_name"`
	Serial      string          `json:"serial_number"`
	Firmware    string          `json:"firmware_version"`
	ScsiRelease string          `json:"scsi_revision"`
	Revision    string          `json:"revision"` // the same, before smartmontools 7.3
	Rotation    *int            `json:"rotation_rate"`
	Support     *supportSection `json:"smart_support"`
	Status      *struct {
		Passed *bool `json:"passed"`
	} `json:"smart_status"`
	Temperature *struct {
		Current *int `json:"current"`
	} `json:"temperature"`
	PowerOn *struct {
		Hours *int64 `json:"hours"`
	} `json:"power_on_time"`

	ATA        *ataSection    `json:"ata_smart_data"`
	Attributes *ataAttributes `json:"ata_smart_attributes"`
	ATATests   *struct {
		Standard *ataTests `json:"standard"`
		Extended *ataTests `json:"extended"`
	} `json:"ata_smart_self_test_log"`

	NVMe      *nvmeSection `json:"nvme_smart_health_information_log"`
	NVMeTests *nvmeTests   `json:"nvme_self_test_log"`
	NVMeTest  *struct {
		SelfTest bool `json:"self_test"`
	} `json:"nvme_optional_admin_commands"`

	Grown  *int64                 `json:"scsi_grown_defect_list"`
	Used   *int                   `json:"scsi_percentage_used_endurance_indicator"`
	Errors map[string]scsiCounter `json:"scsi_error_counter_log"`
}

type supportSection struct {
	Available bool `json:"available"`
	Enabled   bool `json:"enabled"`
}

type ataSection struct {
	SelfTest struct {
		Status struct {
			Value     int    `json:"value"`
			Text      string `json:"string"`
			Remaining *int   `json:"remaining_percent"`
		} `json:"status"`
		Minutes struct {
			Short    int `json:"short"`
			Extended int `json:"extended"`
		} `json:"polling_minutes"`
	} `json:"self_test"`
	Capabilities struct {
		SelfTests bool `json:"self_tests_supported"`
	} `json:"capabilities"`
}

type ataAttributes struct {
	Table []struct {
		ID    int    `json:"id"`
		Name  string `json:"name"`
		Value int    `json:"value"`
		Raw   struct {
			Value uint64 `json:"value"`
		} `json:"raw"`
	} `json:"table"`
}

type ataTests struct {
	Table []struct {
		Type struct {
			Text string `json:"string"`
		} `json:"type"`
		Status struct {
			Text   string `json:"string"`
			Passed *bool  `json:"passed"`
		} `json:"status"`
		Hours int64 `json:"lifetime_hours"`
	} `json:"table"`
}

type nvmeSection struct {
	Warnings    int    `json:"critical_warning"`
	Temperature *int   `json:"temperature"`
	Spare       *int   `json:"available_spare"`
	SpareMin    *int   `json:"available_spare_threshold"`
	Used        *int   `json:"percentage_used"`
	Hours       *int64 `json:"power_on_hours"`
	MediaErrors *int64 `json:"media_errors"`
}

type nvmeTests struct {
	Current *struct {
		Value int `json:"value"`
	} `json:"current_self_test_operation"`
	Percent int `json:"current_self_test_completion_percent"`
	Table   []struct {
		Code struct {
			Text string `json:"string"`
		} `json:"self_test_code"`
		Result struct {
			Value int    `json:"value"`
			Text  string `json:"string"`
		} `json:"self_test_result"`
		Hours int64 `json:"power_on_hours"`
	} `json:"table"`
}

type scsiCounter struct {
	Uncorrected int64 `json:"total_uncorrected_errors"`
}

// Parse reads what "smartctl --json --all" wrote about a disk. It refuses what says nothing about one.
func Parse(b []byte) (Report, error) {
	var o output
	if err := json.Unmarshal(b, &o); err != nil {
		return Report{}, fmt.Errorf("smartctl's answer: %w", err)
	}
	r := Report{Protocol: line(o.Device.Protocol), Model: line(cmp.Or(o.Model, o.ScsiModel)), Serial: line(o.Serial), Firmware: line(cmp.Or(o.Firmware, o.ScsiRelease, o.Revision))}
	if r.Protocol == "" || r.Model == "" && r.Serial == "" {
		return Report{}, fmt.Errorf("smartctl says nothing about the disk%s", complaint(o))
	}
	if o.Rotation != nil && *o.Rotation > 0 && *o.Rotation < 100_000 {
		r.Rotational, r.RPM = true, *o.Rotation
	}
	r.Supported = o.Status != nil || o.Attributes != nil // said outright since smartmontools 7.3
	if o.Support != nil {
		r.Supported = o.Support.Available && o.Support.Enabled
	}
	if o.Status != nil {
		r.Passed = o.Status.Passed
	}
	if o.Temperature != nil {
		r.Temperature = within(o.Temperature.Current, -60, 200)
	}
	if r.Protocol == "SCSI" && r.Temperature != nil && *r.Temperature == 0 { // of what has no thermometer: a RAID of a mainboard
		r.Temperature = nil
	}
	if o.PowerOn != nil {
		r.Hours = count(o.PowerOn.Hours)
	}
	o.ata(&r)
	o.nvme(&r)
	o.scsi(&r, b)
	r.Tests = r.Tests[:min(len(r.Tests), maxTests)]
	return r, nil
}

// complaint is what smartctl says against an answer, as the end of a sentence.
func complaint(o output) string {
	for _, m := range o.Smartctl.Messages {
		if m.Severity == "error" {
			return ": " + line(m.Text)
		}
	}
	return ""
}

// line makes foreign text short, printable and one line.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:119]) + "…"
	}
	return s
}

// within drops a number that cannot be.
func within(v *int, least, most int) *int {
	if v == nil || *v < least || *v > most {
		return nil
	}
	return v
}

func count(v *int64) *int64 {
	if v == nil || *v < 0 {
		return nil
	}
	return v
}

func sum(v *int64, n int64) *int64 {
	if n < 0 {
		return v
	}
	if v != nil {
		n = max(*v, n) // two counters of the same trouble
	}
	return &n
}

// lifeLeft are attributes whose normalised value is how much of an SSD's life is left, in percent, by the names that
// smartctl's list of models gives them.
var lifeLeft = []string{"SSD_Life_Left", "Media_Wearout_Indicator", "Wear_Leveling_Count", "Percent_Lifetime_Remain", "Percent_Life_Remaining", "Remaining_Lifetime_Perc", "Drive_Life_Remaining%"}

func (o *output) ata(r *Report) {
	if a := o.Attributes; a != nil {
		for _, at := range a.Table {
			raw := int64(at.Raw.Value & (1<<31 - 1)) // makers put other numbers into the high bytes
			switch at.ID {
			case 5:
				r.Reallocated = &raw
			case 197:
				r.Pending = &raw
			case 187, 198:
				r.Uncorrected = sum(r.Uncorrected, raw)
			case 199:
				r.Link = &raw
			}
			if slices.Contains(lifeLeft, at.Name) && at.Value >= 0 && at.Value <= 100 && r.Wear == nil {
				wear := 100 - at.Value
				r.Wear = &wear
			}
		}
	}
	if d := o.ATA; d != nil {
		r.CanTest = d.Capabilities.SelfTests
		r.ShortMinutes, r.LongMinutes = max(0, d.SelfTest.Minutes.Short), max(0, d.SelfTest.Minutes.Extended)
		const running = 15 // the high half of the status (ACS-3, SMART READ DATA)
		if s := d.SelfTest.Status; s.Value>>4 == running {
			left := s.Value & 15 * 10
			if s.Remaining != nil {
				left = *s.Remaining
			}
			r.Testing = &Progress{Percent: min(100, max(0, 100-left))}
		}
	}
	if o.ATATests == nil {
		return
	}
	list := o.ATATests.Standard
	if list == nil {
		list = o.ATATests.Extended
	}
	if list == nil {
		return
	}
	for _, t := range list.Table {
		failed := t.Status.Passed != nil && !*t.Status.Passed
		r.Tests = append(r.Tests, Test{Kind: line(t.Type.Text), Result: line(t.Status.Text), Failed: failed, Hours: max(0, t.Hours)})
	}
}

func (o *output) nvme(r *Report) {
	if n := o.NVMe; n != nil {
		r.Supported = true
		r.Warnings = byte(n.Warnings)
		if r.Temperature == nil {
			r.Temperature = within(n.Temperature, -60, 200)
		}
		r.Spare, r.SpareMin, r.Wear = within(n.Spare, 0, 100), within(n.SpareMin, 0, 100), within(n.Used, 0, 255)
		r.Uncorrected = count(n.MediaErrors)
		if r.Hours == nil {
			r.Hours = count(n.Hours)
		}
	}
	if o.NVMeTest != nil {
		r.CanTest = o.NVMeTest.SelfTest
	}
	t := o.NVMeTests
	if t == nil {
		return
	}
	if t.Current != nil && t.Current.Value != 0 {
		r.Testing = &Progress{Kind: map[int]string{1: "short", 2: "long"}[t.Current.Value], Percent: min(100, max(0, t.Percent))}
	}
	for _, e := range t.Table {
		const fatal, firstFailure, lastFailure = 5, 6, 7 // the others were stopped by somebody
		v := e.Result.Value
		r.Tests = append(r.Tests, Test{Kind: line(e.Code.Text), Result: line(e.Result.Text), Failed: v == fatal || v == firstFailure || v == lastFailure, Hours: max(0, e.Hours)})
	}
}

// scsiTest is an entry of a SCSI disk's list, which smartctl spreads over numbered fields.
type scsiTest struct {
	Code struct {
		Text string `json:"string"`
	} `json:"code"`
	Result struct {
		Value int    `json:"value"`
		Text  string `json:"string"`
	} `json:"result"`
	At struct {
		Hours int64 `json:"hours"`
	} `json:"power_on_time"`
}

func (o *output) scsi(r *Report, b []byte) {
	if r.Protocol != "SCSI" {
		return
	}
	r.CanTest = r.Supported
	r.Reallocated, r.Wear = count(o.Grown), within(o.Used, 0, 255)
	var errs int64
	for _, c := range o.Errors {
		errs += max(0, min(c.Uncorrected, 1<<40))
	}
	if len(o.Errors) > 0 {
		r.Uncorrected = &errs
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(b, &all) != nil {
		return
	}
	for i := range maxTests {
		raw, ok := all[fmt.Sprintf("scsi_self_test_%d", i)]
		var t scsiTest
		if !ok || json.Unmarshal(raw, &t) != nil {
			break
		}
		const running, firstFailure, lastFailure = 15, 3, 7 // SPC-4, self-test results log
		if t.Result.Value == running {
			r.Testing = &Progress{}
			continue
		}
		r.Tests = append(r.Tests, Test{Kind: line(t.Code.Text), Result: line(t.Result.Text), Failed: t.Result.Value >= firstFailure && t.Result.Value <= lastFailure, Hours: max(0, t.At.Hours)})
	}
}
