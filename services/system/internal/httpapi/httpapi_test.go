package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/board"
	"vigie/services/system/systemapi"
)

// fakes answers as the parts do; "bad" anywhere is refused.
type fakes struct{ did []string }

func (f *fakes) do(what string) error {
	if strings.Contains(what, "bad") {
		return answer.Refuse(http.StatusConflict, "refused", "No.")
	}
	f.did = append(f.did, what)
	return nil
}
func (f *fakes) SetClock(_ context.Context, r api.ClockRequest) error {
	what := "ntp " + strings.Join(r.NtpServers, ",")
	if r.TimeZone != nil {
		what += " zone " + *r.TimeZone
	}
	if r.SetAt != nil {
		what += " at " + strings.Join(*r.SetAt, ",")
	}
	return f.do(what)
}
func (f *fakes) ClockHistory() api.ClockHistory {
	return api.ClockHistory{Points: []api.ClockPoint{{AtMs: 7, OffsetMs: -0.5}}, Steps: []api.ClockStep{{BeforeMs: 1, AfterMs: 2, Server: "a"}, {BeforeMs: 1, AfterMs: 2}}}
}
func (f *fakes) SetTimeServer(_ context.Context, r api.TimeServerSettings) error {
	if r.OrphanStratum == 1 {
		return answer.Field("orphanStratum", "bad_orphanStratum", "No.")
	}
	return f.do("time server " + strconv.FormatBool(r.Enabled) + " " + strconv.Itoa(r.OrphanStratum))
}
func (f *fakes) ConfigurationCopies() []api.ConfigurationCopy {
	return []api.ConfigurationCopy{{Volume: "v", Generation: 7, SizeBytes: 900, SavedMs: 5, CheckedMs: 6, DamagedMs: 4, Damage: "it was not there"}, {Volume: "w", Problem: "No."}}
}
func (f *fakes) MountMedium(_ context.Context, id string) error { return f.do("mount " + id) }
func (f *fakes) EjectMedium(_ context.Context, id string) error { return f.do("eject " + id) }
func (f *fakes) FormatDisk(_ context.Context, d string, r api.FormatRequest) error {
	what := "format " + d + " " + r.ConfirmSerial + " " + r.Name
	if r.Replaces != "" {
		what += " for " + r.Replaces
	}
	return f.do(what)
}
func (f *fakes) Install(_ context.Context, d string, r api.InstallRequest) error {
	return f.do(fmt.Sprintf("install %s %s %v", d, r.ConfirmSerial, r.DataVolume))
}
func (f *fakes) Installation(context.Context) (api.Installation, error) {
	return api.Installation{BootMode: api.InstallationBootModeInstalled, Slot: api.InstallationSlotB, MinBytes: 2, Disks: []api.InstallDisk{{Disk: "a", Offered: true}, {Disk: "b", Reason: "No."}}}, nil
}
func (f *fakes) Update(context.Context) (api.Update, error) {
	return api.Update{Possible: true,
		Slots:   []api.UpdateSlot{{ID: "a", Running: true, State: api.UpdateSlotStateConfirmed, Version: "1", BuiltMs: 1, Relation: api.UpdateSlotRelationSame}, {ID: "b", State: api.UpdateSlotStateUnknown}},
		Writing: api.UpdateWriting{Version: "2", Status: api.UpdateWritingStatusRunning, Percent: 7}, Planned: api.UpdatePlan{Version: "2", AtMs: 5, By: "owner"},
		Trial: api.UpdateTrial{Version: "1", From: "0", EndsMs: 5}, History: []api.UpdateOutcome{{AtMs: 1, From: "0", To: "1", Result: api.UpdateOutcomeResultReturned, Reason: "No."}},
	}, nil
}
func (f *fakes) OfferUpdate(_ context.Context, parts []byte) (api.UpdateOffer, error) {
	return api.UpdateOffer{ID: "o", Version: "2", BuiltMs: 5, Kernel: "6.12", Bytes: 9, Relation: api.UpdateOfferRelationNewer}, f.do("offer " + string(parts))
}
func (f *fakes) FindUpdate(_ context.Context, m string) ([]api.UpdateOffer, error) {
	return []api.UpdateOffer{{ID: "o", Version: "2", BuiltMs: 5, Kernel: "6.12", Bytes: 9, Relation: api.UpdateOfferRelationSame, File: "x.img"}}, f.do("find " + m)
}
func (f *fakes) SendUpdate(_ context.Context, o string, body io.Reader, size int64, by Caller) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return f.do(fmt.Sprintf("send %s %s %d by %s", o, b, size, by.User))
}
func (f *fakes) CopyUpdate(_ context.Context, o string, by Caller) error {
	return f.do("copy " + o + " by " + by.User)
}
func (f *fakes) TryUpdate(_ context.Context, r api.UpdateTry, by Caller) error {
	return f.do(fmt.Sprintf("try %s at %d within %d by %s", r.Version, r.AtMs, r.WithinSeconds, by.User))
}
func (f *fakes) FactoryReset(_ context.Context, r api.FactoryReset, by Caller) error {
	return f.do(fmt.Sprintf("reset %s %v by %s", r.Confirm, r.Erase, by.User))
}
func (f *fakes) Settings(context.Context) sysconfig.Config {
	return sysconfig.Config{TimeZone: "Europe/Paris"}
}
func (f *fakes) PutSettings(_ context.Context, r systemapi.Transfer, by Caller) (systemapi.Transferred, error) {
	return systemapi.Transferred{}, f.do(fmt.Sprintf("transfer %s %v by %s", r.Config.TimeZone, r.DryRun, by.User))
}
func (f *fakes) CancelUpdate(context.Context) error { return f.do("cancel") }
func (f *fakes) DiskHealth(d string) (api.DiskReport, error) {
	degrees := 41.5
	return api.DiskReport{
		Health: api.DiskHealth{Status: api.DiskHealthStatusWarning, Reasons: []string{"It is hot."}, Test: api.SelfTest{Kind: "short", Percent: 10}},
		Tests:  []api.DiskTest{{Kind: "Short", Result: "Completed", Hours: 7}}, ByHour: []api.DiskPoint{{AtMs: 1, Temperature: &degrees}}, ByDay: []api.DiskPoint{},
	}, f.do("health " + d)
}
func (f *fakes) TestDisk(_ context.Context, d string, kind api.SelfTestRequestKind) error {
	return f.do("test " + d + " " + string(kind))
}
func (f *fakes) PlanArray(_ context.Context, r api.ArrayPlanRequest) (api.ArrayPlan, error) {
	return api.ArrayPlan{CapacityBytes: 5, Survives: 1}, f.do(fmt.Sprintf("plan %d %v", r.Level, r.Disks))
}
func (f *fakes) CreateArray(_ context.Context, r api.ArrayRequest) error {
	return f.do(fmt.Sprintf("array %d %s %v %v", r.Level, r.Name, r.Disks, r.Spares))
}
func (f *fakes) ChangeArray(_ context.Context, a string, r api.ArrayChange) error {
	return f.do(fmt.Sprintf("change %s %s %v", a, r.Action, r.Disk))
}
func (f *fakes) ChangeVolume(_ context.Context, v string, r api.VolumeChange) error {
	return f.do(fmt.Sprintf("volume %s %s %q %q %v", v, r.Action, r.Name, r.ConfirmSerial, r.DropLog))
}
func (f *fakes) VolumeReport(v string) (api.VolumeReport, error) {
	return api.VolumeReport{Check: api.VolumeCheck{Kind: api.VolumeCheckKindCheck, Result: api.VolumeCheckResultDamaged, AtMs: 5, Findings: 1}, Lines: []string{"bad"}}, f.do("report " + v)
}
func (f *fakes) SetRecordingLag(waited time.Duration) { _ = f.do("lag " + waited.String()) }
func (f *fakes) DiskEvents() []api.DiskEvent {
	return []api.DiskEvent{{AtMs: 1, Disk: "d", Serial: "S", Severity: api.DiskEventSeverityWarning, Text: "It is hot."}}
}
func (f *fakes) Firewall(context.Context) (api.Firewall, error) {
	return api.Firewall{
		Active:   true,
		Services: []api.FirewallService{{ID: "web", Zones: []api.Zone{"office"}, UsualZones: []api.Zone{}, Ports: []api.PortRange{{Protocol: "tcp", First: 443, Last: 443}}, Listening: true}},
		Zones:    []api.FirewallZone{{ID: "both", Interfaces: []string{"lan1"}, Dropped: []api.DroppedPackets{{Reason: "denied", Packets: 3, Bytes: 180}}}},
		Restored: []api.RestoredSetting{{AtMs: 5, Setting: "net/ipv4/ip_forward was 1"}},
	}, f.do("firewall")
}
func (f *fakes) PutFirewall(_ context.Context, r api.FirewallRequest, by Caller) (api.Plan, error) {
	if len(r.Services) > 0 && r.Services[0].ID == "bad" {
		return api.Plan{}, f.do("bad")
	}
	return api.Plan{Steps: []api.PlanStep{}, Urls: []string{}}, f.do(fmt.Sprintf("firewall %v dry %v by %s, connected for %s", r.Services, r.DryRun, by.User, by.Connected))
}
func (f *fakes) ConfirmFirewall(_ context.Context, by Caller) error {
	return f.do("confirm firewall by " + by.User)
}
func (f *fakes) PutWebPort(_ context.Context, r api.WebPortRequest, by Caller) (api.Plan, error) {
	return api.Plan{Steps: []api.PlanStep{}, Urls: []string{}}, f.do(fmt.Sprintf("web port %d dry %v by %s at %d", r.Port, r.DryRun, by.User, by.Port))
}
func (f *fakes) ConfirmWebPort(_ context.Context, by Caller) error {
	return f.do(fmt.Sprintf("confirm web port by %s at %d", by.User, by.Port))
}
func (f *fakes) RollBackWebPort(context.Context) error  { return f.do("roll back web port") }
func (f *fakes) RollBackFirewall(context.Context) error { return f.do("roll back firewall") }
func (f *fakes) SetRelayPorts(_ context.Context, p api.RelayPorts) error {
	return f.do(fmt.Sprintf("relay %v %v", p.TCP, p.UDP))
}
func (f *fakes) Bandwidth(context.Context) ([]api.Bandwidth, error) {
	return []api.Bandwidth{{Limit: api.BandwidthLimit{Interface: "02:00:00:00:00:01", Kbps: 500}, Name: "lan1", Up: true, SentBps: 1}}, f.do("bandwidth")
}
func (f *fakes) SetBandwidth(_ context.Context, l []api.BandwidthLimit) error {
	return f.do(fmt.Sprintf("limits %v", l))
}
func (f *fakes) Power(_ context.Context, a api.PowerRequestAction) error {
	return f.do("power " + string(a))
}
func (f *fakes) RestartService(_ context.Context, n string, atOnce bool) error {
	if atOnce {
		return f.do("kill " + n)
	}
	return f.do("restart " + n)
}
func (f *fakes) StopService(_ context.Context, n string) error  { return f.do("stop " + n) }
func (f *fakes) StartService(_ context.Context, n string) error { return f.do("start " + n) }
func (f *fakes) Hosts() api.HostWatch {
	return api.HostWatch{
		Hosts: []api.WatchedHost{
			{Name: "n", Address: "a", Chosen: true, IntervalSeconds: 10, LossPercent: 20, Status: api.HostStatusDown, Reason: "No answer.", SinceMs: 5, IP: "192.0.2.1", LossNowPercent: 100, MedianLatency: 0.5},
		},
		Events: []api.HostEvent{{AtMs: 5, Address: "a", Name: "n", From: api.HostStatusUp, To: api.HostStatusDown}},
	}
}
func (f *fakes) SetHosts(_ context.Context, r api.HostWatchRequest) error {
	what := "hosts"
	for _, h := range r.Hosts {
		what += " " + h.Address
	}
	return f.do(what)
}
func (f *fakes) HostHistory(address string) (api.HostHistory, error) {
	return api.HostHistory{StepMs: 60_000, Points: []api.HostPoint{{AtMs: 5, Sent: 6, Lost: 1, LeastLatency: 1, MeanLatency: 2, MostLatency: 3}}}, f.do("history " + address)
}
func (f *fakes) ServiceLog(_ context.Context, n string) ([]string, error) {
	if n == "broken" {
		return nil, errors.New("disk on fire")
	}
	return nil, f.do("log " + n)
}
func (f *fakes) Network(context.Context) (api.Network, error) {
	return api.Network{Settings: api.NetworkSettings{Hostname: "gate"}, Version: "1"}, nil
}
func (f *fakes) PutNetwork(_ context.Context, r api.NetworkRequest, by Caller) (api.Plan, error) {
	plan := api.Plan{Steps: []api.PlanStep{{Kind: api.PlanStepKindDanger, Text: "You will lose this address."}}, LosesAddress: true, Urls: []string{"https://192.0.2.9/"}}
	return plan, f.do(fmt.Sprintf("network %s dry %v by %s at %s", r.Settings.Hostname, r.DryRun, by.User, by.Reached))
}
func (f *fakes) ConfirmNetwork(_ context.Context, by Caller) error {
	return f.do("confirm by " + by.User)
}
func (f *fakes) RollBackNetwork(context.Context) error { return f.do("roll back") }
func (f *fakes) StartNetwork(context.Context) error    { return f.do("start the network") }
func (f *fakes) TrialLeft() time.Duration              { return 42 * time.Second }
func (f *fakes) Memory() (api.Memory, error) {
	return api.Memory{TotalBytes: 2, AvailableBytes: 1}, nil
}

// full fills every section, so that every schema of the status is met.
func full() *board.Board {
	b := board.New(time.UnixMilli(1_700_000_000_000), api.Status{Version: "1", BootMode: api.StatusBootModeLive, Firmware: api.StatusFirmwareUefi, Packages: []api.Package{{Name: "linux", Version: "6.12"}}})
	b.SetInterfaces([]api.Interface{
		{Name: "eth0", Mac: "02:00:00:00:00:01", Carrier: true, Addresses: []string{"192.0.2.1/24"}, Gateway: "192.0.2.254", Dhcp: api.Dhcp{Status: api.DhcpStatusBound, Server: "192.0.2.254", LeaseEndMs: 5}},
		{Name: "eth1", Addresses: []string{}},
		{ID: "bond0", Kind: api.InterfaceKindBond, Name: "bond0", Addresses: []string{}, Duplex: api.InterfaceDuplexFull,
			BondState: api.BondState{Mode: api.BondModeN8023Ad, Members: []string{"02:00:00:00:00:02"}, PartnerMac: "02:00:00:00:00:09"}},
		{ID: "02:00:00:00:00:02", Kind: api.InterfaceKindEthernet, Name: "lan2", Bond: "bond0", Addresses: []string{}, Member: api.BondMember{Active: true, Link: api.BondMemberLinkUp}},
	})
	b.SetTrial(api.Trial{Subject: api.TrialSubjectFirewall, EndsMs: 1, User: "owner", Urls: []string{"https://192.0.2.9/"}})
	b.SetClock(api.Clock{Status: api.ClockStatusSynchronised, Server: "a", OffsetMs: -0.25, LastSyncMs: 7, Servers: []string{"a", "b"},
		SetAt: []string{"03:30"}, NextMs: 8, Reference: api.ClockReference{ID: "c0000201", Stratum: 3, Leap: api.ClockReferenceLeapAdd, RootDelayUs: 4, RootDispersionUs: 5, AtMs: 6},
		Sources: []api.ClockSource{
			{Server: "a", Address: "192.0.2.1", Status: api.ClockSourceStatusFollowed, Stratum: 2, OffsetMs: 0.5, DelayUs: 300, JitterUs: 20},
			{Server: "b", Status: api.ClockSourceStatusSilent, Reason: "No answer."},
		}})
	b.SetTimeServer(api.TimeServerSettings{Enabled: true, OrphanStratum: 10})
	b.SetTimeZone("Europe/Paris")
	b.SetSSH(api.SSHSwitch{Enabled: true, Port: 22, Version: "0"})
	b.SetDisks([]api.Disk{
		{ID: "a", Serial: "S", Use: api.DiskUseVolume, Volume: "v", Operation: api.Operation{Name: api.OperationNameFormat, Status: api.OperationStatusRunning}},
		{ID: "b", Serial: "T", Use: api.DiskUseArray, Slot: "port 2", UsedBy: []string{"an array that runs"}, Found: []api.DiskContent{{Kind: "md", Name: "member", Member: api.ArrayMember{Array: "u", Level: "RAID 1", Members: 2, Role: api.ArrayMemberRoleMember, Position: 1}}}},
	})
	b.SetArrays([]api.Array{{ID: "u", Name: "films", Level: "RAID 1", Status: api.ArrayStatusDegraded, Reason: "r", Members: []api.ArrayDisk{{Disk: "b", Serial: "T", Position: 1, State: api.ArrayDiskStateGood}, {Position: 2, State: api.ArrayDiskStateMissing}},
		Sync: api.ArraySync{Action: "recover", Percent: 5, KBps: 9, LeftMs: 7}}})
	b.SetRaidCards([]api.RaidCard{{ID: "0000:03:00.0", Name: "n", Driver: "hpsa", Raid: true, Disks: []api.RaidCardDisk{{Disk: "a", Level: "RAID 5"}}, Drives: []api.RaidCardDrive{{ID: "c", Place: 1, Model: "m", Serial: "s", Health: api.DiskHealth{Status: api.DiskHealthStatusUnknown}}}}})
	b.SetVolumes([]api.Volume{{ID: "v", Name: "n", Path: "/volumes/v", Status: api.VolumeStatusMounted, SizeBytes: 2, FreeBytes: 1,
		Operation: api.Operation{Name: api.OperationNameCheck, Status: api.OperationStatusRunning, Percent: 5}, Check: api.VolumeCheck{Kind: api.VolumeCheckKindRepair, Result: api.VolumeCheckResultRepaired, AtMs: 5, TookMs: 1, Strays: 2}},
		{ID: "w", Name: "o", Path: "/volumes/w", Status: api.VolumeStatusFailed, Replaces: "v", Failure: api.VolumeFailure{Cause: api.VolumeFailureCauseGone, SinceMs: 5, Serial: "S", Slot: "port 1", Steps: []string{"Look."}, Spares: []string{"a"}}}})
	b.SetMedia([]api.Medium{{ID: "u", Name: "STICK", Filesystem: "FAT", SizeBytes: 9, FreeBytes: 8, FileLimitBytes: 7, Status: api.MediumStatusMounted, Path: "/volumes/medium-u/Vigie exports"}})
	b.SetServices([]api.Service{{Name: "engine", Status: api.ServiceStatusReady, Pid: 5}})
	return b
}

// requests has good and bad requests of each operation.
var requests = []struct {
	operation, method, path, body string
	status                        int
	did, code                     string
}{
	{"getStatus", "GET", "/v1/status", "", 200, "", ""},
	{"getStatus", "GET", "/v1/status?after=1", "", 200, "", ""},
	{"getStatus", "GET", "/v1/status?after=x", "", 400, "", "bad_revision"},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":["a","b"]}`, 204, "ntp a,b", ""},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":[]}`, 204, "ntp ", ""},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":["a"],"timeZone":"Europe/Paris"}`, 204, "ntp a zone Europe/Paris", ""},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":[],"timeZone":""}`, 204, "ntp  zone ", ""},
	{"putClock", "PUT", "/v1/clock", `{}`, 400, "", "missing"},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":["bad"]}`, 409, "", "refused"},
	{"putClock", "PUT", "/v1/clock", `{"ntp":[]}`, 400, "", "bad_json"},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":[],"setAt":["03:30","15:00"]}`, 204, "ntp  at 03:30,15:00", ""},
	{"putClock", "PUT", "/v1/clock", `{"ntpServers":[],"setAt":[]}`, 204, "ntp  at ", ""},
	{"getClockHistory", "GET", "/v1/clock/history", "", 200, "", `"offsetMs":-0.5`},
	{"putTimeServer", "PUT", "/v1/time-server", `{"enabled":true,"orphanStratum":10}`, 204, "time server true 10", ""},
	{"putTimeServer", "PUT", "/v1/time-server", `{"enabled":true,"orphanStratum":1}`, 400, "", "bad_orphanStratum"},
	{"putTimeServer", "PUT", "/v1/time-server", `{"on":true}`, 400, "", "bad_json"},
	{"getNetwork", "GET", "/v1/network", "", 200, "", ""},
	{"putNetwork", "PUT", "/v1/network", `{"settings":{"hostname":"gate","interfaces":[{"id":"02:00:00:00:00:01","ipv4":{"method":"static","addresses":["192.0.2.9/24"]}}]},"dryRun":true}`, 200, "network gate dry true by owner at 192.0.2.1", "losesAddress"},
	{"putNetwork", "PUT", "/v1/network", `{"settings":{}}`, 200, "network  dry false by owner at 192.0.2.1", ""},
	{"putNetwork", "PUT", "/v1/network", `{"dryRun":true}`, 400, "", "missing"},
	{"putNetwork", "PUT", "/v1/network", `{"settings":{"nics":[]}}`, 400, "", "bad_json"},
	{"putNetwork", "PUT", "/v1/network", `{"settings":{"hostname":"bad"}}`, 409, "", "refused"},
	{"confirmNetwork", "POST", "/v1/network/confirm", "", 204, "confirm by owner", ""},
	{"rollBackNetwork", "POST", "/v1/network/rollback", "", 204, "roll back", ""},
	{"formatDisk", "POST", "/v1/disks/sd-1/format", `{"confirmSerial":"S","name":"n"}`, 202, "format sd-1 S n", ""},
	{"formatDisk", "POST", "/v1/disks/sd-1/format", `{"confirmSerial":"S","replaces":"v"}`, 202, "format sd-1 S  for v", ""},
	{"formatDisk", "POST", "/v1/disks/bad/format", `{"confirmSerial":"S"}`, 409, "", "refused"},
	{"formatDisk", "POST", "/v1/disks/x/format", ``, 400, "", "bad_json"},
	{"installOnDisk", "POST", "/v1/disks/sd-1/install", `{"confirmSerial":"S","dataVolume":true}`, 202, "install sd-1 S true", ""},
	{"installOnDisk", "POST", "/v1/disks/bad/install", `{"confirmSerial":"S","dataVolume":false}`, 409, "", "refused"},
	{"installOnDisk", "POST", "/v1/disks/x/install", ``, 400, "", "bad_json"},
	{"getInstallation", "GET", "/v1/installation", ``, 200, "", ""},
	{"getUpdate", "GET", "/v1/update", ``, 200, "", ""},
	{"offerUpdate", "POST", "/v1/update/offers", `seal`, 201, "offer seal", ""},
	{"offerUpdate", "POST", "/v1/update/offers", `bad`, 409, "", "refused"},
	{"offerUpdate", "POST", "/v1/update/offers", strings.Repeat("x", 80<<10), 413, "", "not_update"},
	{"findUpdate", "POST", "/v1/update/media/usb-1", ``, 200, "find usb-1", ""},
	{"findUpdate", "POST", "/v1/update/media/bad", ``, 409, "", "refused"},
	{"sendUpdate", "PUT", "/v1/update/offers/o/image", `image`, 204, "send o image 5 by owner", ""},
	{"sendUpdate", "PUT", "/v1/update/offers/bad/image", `image`, 409, "", "refused"},
	{"copyUpdate", "POST", "/v1/update/offers/o/copy", ``, 202, "copy o by owner", ""},
	{"copyUpdate", "POST", "/v1/update/offers/bad/copy", ``, 409, "", "refused"},
	{"tryUpdate", "POST", "/v1/update/try", `{"version":"2","atMs":5,"withinSeconds":60}`, 202, "try 2 at 5 within 60 by owner", ""},
	{"tryUpdate", "POST", "/v1/update/try", `{"version":"bad"}`, 409, "", "refused"},
	{"tryUpdate", "POST", "/v1/update/try", `{"slot":"b"}`, 400, "", "bad_json"},
	{"cancelUpdate", "DELETE", "/v1/update/try", ``, 204, "cancel", ""},
	{"getDiskHealth", "GET", "/v1/disks/sd-1/health", "", 200, "health sd-1", ""},
	{"getDiskHealth", "GET", "/v1/disks/bad/health", "", 409, "", "refused"},
	{"testDisk", "POST", "/v1/disks/sd-1/self-test", `{"kind":"long"}`, 202, "test sd-1 long", ""},
	{"testDisk", "POST", "/v1/disks/sd-1/self-test", `{"kind":"erase"}`, 400, "", "bad_kind"},
	{"testDisk", "POST", "/v1/disks/bad/self-test", `{"kind":"stop"}`, 409, "", "refused"},
	{"planArray", "POST", "/v1/arrays/plan", `{"level":1,"disks":["a","b"]}`, 200, "plan 1 [a b]", `"survives":1`},
	{"putRecordingLag", "PUT", "/v1/arrays/pace", `{"waitedMs":900}`, 204, "lag 900ms", ""},
	{"putRecordingLag", "PUT", "/v1/arrays/pace", `{"waitedMs":-1}`, 400, "", "bad_time"},
	{"planArray", "POST", "/v1/arrays/plan", `{"level":1,"disks":["bad"]}`, 409, "", "refused"},
	{"createArray", "POST", "/v1/arrays", `{"level":1,"name":"n","disks":[{"id":"a","confirmSerial":"S"}]}`, 202, "array 1 n [{S a}] []", ""},
	{"createArray", "POST", "/v1/arrays", `{"level":1,"name":"bad","disks":[]}`, 409, "", "refused"},
	{"changeArray", "POST", "/v1/arrays/u/change", `{"action":"add","disk":{"id":"a","confirmSerial":"S"}}`, 202, "change u add {S a}", ""},
	{"changeArray", "POST", "/v1/arrays/u/change", `{"action":"erase"}`, 400, "", "bad_action"},
	{"changeArray", "POST", "/v1/arrays/bad/change", `{"action":"check"}`, 409, "", "refused"},
	{"changeVolume", "POST", "/v1/volumes/v/change", `{"action":"rename","name":"Gate"}`, 202, `volume v rename "Gate" "" false`, ""},
	{"changeVolume", "POST", "/v1/volumes/v/change", `{"action":"repair","confirmSerial":"S","dropLog":true}`, 202, `volume v repair "" "S" true`, ""},
	{"changeVolume", "POST", "/v1/volumes/v/change", `{"do":"repair"}`, 400, "", "bad_json"},
	{"changeVolume", "POST", "/v1/volumes/bad/change", `{"action":"check"}`, 409, "", "refused"},
	{"getVolumeReport", "GET", "/v1/volumes/v/report", "", 200, "report v", `"lines":["bad"]`},
	{"getVolumeReport", "GET", "/v1/volumes/bad/report", "", 409, "", "refused"},
	{"getDiskEvents", "GET", "/v1/disk-events", "", 200, "", ""},
	{"mountMedium", "POST", "/v1/media/usb-1/mount", "", 204, "mount usb-1", ""},
	{"mountMedium", "POST", "/v1/media/bad/mount", "", 409, "", "refused"},
	{"ejectMedium", "POST", "/v1/media/usb-1/eject", "", 204, "eject usb-1", ""},
	{"ejectMedium", "POST", "/v1/media/bad/eject", "", 409, "", "refused"},
	{"getHosts", "GET", "/v1/hosts", "", 200, "", ""},
	{"putHosts", "PUT", "/v1/hosts", `{"gateways":true,"hosts":[{"address":"a"},{"address":"2001:db8::1","name":"n","latencyMs":5}]}`, 204, "hosts a 2001:db8::1", ""},
	{"putHosts", "PUT", "/v1/hosts", `{"gateways":true}`, 400, "", "missing"},
	{"putHosts", "PUT", "/v1/hosts", `{"gateways":true,"hosts":[{"address":"bad"}]}`, 409, "", "refused"},
	{"getHostHistory", "GET", "/v1/hosts/2001:db8::1/history", "", 200, "history 2001:db8::1", ""},
	{"getHostHistory", "GET", "/v1/hosts/bad/history", "", 409, "", "refused"},
	{"stopService", "POST", "/v1/services/engine/stop", "", 202, "stop engine", ""},
	{"stopService", "POST", "/v1/services/bad/stop", "", 409, "", "refused"},
	{"startService", "POST", "/v1/services/engine/start", "", 202, "start engine", ""},
	{"startService", "POST", "/v1/services/bad/start", "", 409, "", "refused"},
	{"getFirewall", "GET", "/v1/firewall", "", 200, "firewall", ""},
	{"putFirewall", "PUT", "/v1/firewall", `{"services":[{"id":"web","zones":["office"]}],"dryRun":true}`, 200, "firewall [{web [office]}] dry true by owner, connected for 1.5s", ""},
	{"putFirewall", "PUT", "/v1/firewall", `{"services":[]}`, 200, "firewall [] dry false by owner, connected for 1.5s", ""},
	{"putFirewall", "PUT", "/v1/firewall", `{}`, 400, "", "missing"},
	{"putFirewall", "PUT", "/v1/firewall", `{"services":[{"id":"bad","zones":[]}]}`, 409, "", "refused"},
	{"confirmFirewall", "POST", "/v1/firewall/confirm", "", 204, "confirm firewall by owner", ""},
	{"rollBackFirewall", "POST", "/v1/firewall/rollback", "", 204, "roll back firewall", ""},
	{"putWebPort", "PUT", "/v1/web-port", `{"port":8443,"dryRun":true}`, 200, "web port 8443 dry true by owner at 8443", ""},
	{"putWebPort", "PUT", "/v1/web-port", `{"port":"x"}`, 400, "", "bad_json"},
	{"confirmWebPort", "POST", "/v1/web-port/confirm", "", 204, "confirm web port by owner at 8443", ""},
	{"rollBackWebPort", "POST", "/v1/web-port/rollback", "", 204, "roll back web port", ""},
	{"putRelayPorts", "PUT", "/v1/firewall/relay", `{"tcp":[554,322],"udp":[]}`, 204, "relay [554 322] []", ""},
	{"putRelayPorts", "PUT", "/v1/firewall/relay", `{"tcp":"all"}`, 400, "", "bad_json"},
	{"listConfigurationCopies", "GET", "/v1/configuration/copies", "", 200, "", `"damagedMs":4`},
	{"getBandwidth", "GET", "/v1/bandwidth", "", 200, "bandwidth", ""},
	{"putBandwidth", "PUT", "/v1/bandwidth", `[{"interface":"bond0","kbps":1000}]`, 204, "limits [{bond0 1000 0}]", ""},
	{"putBandwidth", "PUT", "/v1/bandwidth", `null`, 400, "", "missing"},
	{"putBandwidth", "PUT", "/v1/bandwidth", `[{"interface":"bad"}]`, 409, "", "refused"},
	{"getSSH", "GET", "/v1/ssh", "", 200, "ssh", ""},
	{"putSSH", "PUT", "/v1/ssh", `{"enabled":true,"port":22,"passwords":false}`, 204, "ssh true 22 false", ""},
	{"putSSH", "PUT", "/v1/ssh", `{"on":true}`, 400, "", "bad_json"},
	{"addSSHKey", "POST", "/v1/ssh/keys", `{"key":"ssh-ed25519 AAAA"}`, 201, "key ssh-ed25519 AAAA by owner", ""},
	{"addSSHKey", "POST", "/v1/ssh/keys", `{"key":"bad"}`, 409, "", "refused"},
	{"deleteSSHKey", "DELETE", "/v1/ssh/keys/0123", "", 204, "no key 0123", ""},
	{"deleteSSHKey", "DELETE", "/v1/ssh/keys/bad", "", 409, "", "refused"},
	{"allowShell", "PUT", "/v1/ssh/shell", `{"minutes":15}`, 204, "shell for 15 by owner", ""},
	{"allowShell", "PUT", "/v1/ssh/shell", `{}`, 400, "", "bad_minutes"},
	{"allowShell", "PUT", "/v1/ssh/shell", `{"hours":1}`, 400, "", "bad_json"},
	{"endShell", "DELETE", "/v1/ssh/shell", "", 204, "no shell by owner", ""},
	{"postPower", "POST", "/v1/power", `{"action":"reboot"}`, 202, "power reboot", ""},
	{"postPower", "POST", "/v1/power", `{"action":"sleep"}`, 400, "", "bad_action"},
	{"factoryReset", "POST", "/v1/factory-reset", `{"confirm":"factory reset","erase":[{"volume":"v","confirmSerial":"S"}]}`, 202, "reset factory reset [{S v}] by owner", ""},
	{"factoryReset", "POST", "/v1/factory-reset", `{"confirm":"bad","erase":[]}`, 409, "", "refused"},
	{"restartService", "POST", "/v1/services/engine/restart", "", 202, "restart engine", ""},
	{"restartService", "POST", "/v1/services/bad/restart", "", 409, "", "refused"},
	{"restartService", "POST", "/v1/services/engine/restart", `{"atOnce":true}`, 202, "kill engine", ""},
	{"restartService", "POST", "/v1/services/engine/restart", `{"atOnce":1}`, 400, "", "bad_json"},
	{"getServiceLog", "GET", "/v1/services/web/log", "", 200, "log web", ""},
	{"getServiceLog", "GET", "/v1/services/broken/log", "", 500, "", "internal"},
}

func TestEveryOperationAnswersAsTheSpecificationSays(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "/v1"}} // as web proxies
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakes{}
	h := New(full(), f, time.Now, nil)
	tried := map[string]bool{}
	for _, c := range requests {
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) {
			f.did = nil
			tried[c.operation] = true
			req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Vigie-User", "owner")
			req.Header.Set("Vigie-Reached", "192.0.2.1")
			req.Header.Set("Vigie-Reached-Port", "8443")
			req.Header.Set("Vigie-Connected-Ms", "1500")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != c.status || strings.Join(f.did, ";") != c.did || !strings.Contains(w.Body.String(), c.code) {
				t.Errorf("%d %s, did %q", w.Code, w.Body, f.did)
			}
			route, params, err := router.FindRoute(req)
			if err != nil {
				t.Fatal(err)
			}
			if route.Operation.OperationID != c.operation {
				t.Fatalf("this is %s", route.Operation.OperationID)
			}
			input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
			out := &openapi3filter.ResponseValidationInput{
				RequestValidationInput: input, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
				Options: &openapi3filter.Options{IncludeResponseStatus: true},
			}
			if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
				t.Errorf("%v\n%s", err, w.Body)
			}
		})
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] == "system" && !tried[op.OperationID] {
				t.Errorf("%s %s is not tried", method, path)
			}
		}
	}
}

func TestUnknownPathsGetAnError(t *testing.T) {
	w := httptest.NewRecorder()
	New(full(), &fakes{}, time.Now, nil).ServeHTTP(w, httptest.NewRequest("GET", "/v1/cameras", nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "not_found") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLongPollEndsWithTheService(t *testing.T) {
	b, done := full(), make(chan struct{})
	h := New(b, &fakes{}, time.Now, done)
	answered := make(chan int, 1)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/status?after="+strconv.FormatInt(b.Status().Revision, 10), nil))
		answered <- w.Code
	}()
	close(done)
	select {
	case code := <-answered:
		if code != 200 {
			t.Errorf("status %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits on")
	}
}
