package camera

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
)

func ptr(s string) *string { return &s }

func field(err error) string {
	var p *answer.Problem
	if errors.As(err, &p) {
		return p.Detail.Field + "/" + p.Detail.Code
	}
	return ""
}

func TestABadRequestIsRefusedAtItsField(t *testing.T) {
	good := api.CameraRequest{Name: "Door", URL: "rtsp://10.0.0.1/1"}
	for _, c := range []struct {
		change func(*api.CameraRequest)
		want   string
	}{
		{func(r *api.CameraRequest) {}, ""},
		{func(r *api.CameraRequest) { r.Name = "  " }, "name/bad_name"},
		{func(r *api.CameraRequest) { r.Certificate = ptr("AB") }, "certificate/bad_certificate"},
		{func(r *api.CameraRequest) { r.Certificate = ptr(strings.Repeat("a1", 32)) }, ""},
		{func(r *api.CameraRequest) { r.Name = strings.Repeat("é", 65) }, "name/bad_name"},
		{func(r *api.CameraRequest) { r.Name = "a\x00b" }, "name/bad_name"},
		{func(r *api.CameraRequest) { r.URL = "http://10.0.0.1/" }, "url/bad_scheme"},
		{func(r *api.CameraRequest) { r.URL = "" }, "url/bad_url"},
		{func(r *api.CameraRequest) { r.Password = ptr("x") }, "username/bad_credentials"},
		{func(r *api.CameraRequest) { r.Username = "a\nb" }, "password/bad_credentials"},
	} {
		r := good
		c.change(&r)
		if _, err := New(r, time.UnixMilli(1)); field(err) != c.want {
			t.Errorf("%+v: got %v, want %s", r, err, c.want)
		}
	}
}

func TestAPasswordIsNeverSentWhereItWasNotMeantFor(t *testing.T) {
	row, err := New(api.CameraRequest{Name: "Door", URL: "rtsp://admin:secret@10.0.0.1/1"}, time.UnixMilli(1))
	if err != nil || row.Username != "admin" || row.Password != "secret" || strings.Contains(row.URL, "secret") {
		t.Fatalf("credentials in the URL: got %+v, %v", row, err)
	}
	for _, c := range []struct {
		url, user string
		password  *string
		want      string
	}{
		{"rtsp://10.0.0.1/2", "admin", nil, "secret"},         // another path of the same camera
		{"rtsp://10.0.0.2/1", "admin", nil, ""},               // another host
		{"rtsp://10.0.0.1:8554/1", "admin", nil, ""},          // another port may be another machine
		{"rtsp://10.0.0.1/1", "viewer", nil, ""},              // another user
		{"rtsp://10.0.0.1/1", "admin", ptr("new"), "new"},     // a new one
		{"rtsp://10.0.0.1/1", "admin", ptr(""), ""},           // taken away
		{"rtsp://x:y@10.0.0.1/1", "", nil, "y"},               // new ones in the URL
		{"rtsp://x:y@10.0.0.1/1", "admin", nil, "secret"},     // the fields win over the URL
		{"rtsp://x:y@10.0.0.1/1", "admin", ptr("neu"), "neu"}, // the fields win over the URL
	} {
		got, err := row.With(api.CameraRequest{Name: "Door", URL: c.url, Username: c.user, Password: c.password})
		if err != nil || got.Password != c.want {
			t.Errorf("%s %s: got password %q, %v; want %q", c.url, c.user, got.Password, err, c.want)
		}
	}
}

func TestStoreKeepsRowsAndRefusesTwoOfOneName(t *testing.T) {
	dir := t.TempDir()
	open := func() *mirror.DB {
		db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)},
			[]mirror.Dir{{ID: "v", Path: dir}})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	s := NewStore(db)
	row, err := New(api.CameraRequest{Name: "Door", URL: "rtsp://10.0.0.1/1"}, time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	row.SubURL, row.Audio = "rtsp://10.0.0.1/2", false
	row.Plan = Plan{Standard: Rule{Calendar: "never", Sub: true}, Alarm: Rule{Calendar: "c1"}, PreMB: 2} // nothing as by default
	if err := s.Add(row); err != nil {
		t.Fatal(err)
	}
	twin, _ := New(api.CameraRequest{Name: "door", URL: "rtsp://10.0.0.2/1"}, time.UnixMilli(1))
	if err := s.Add(twin); field(err) != "name/name_taken" {
		t.Fatalf("a second %q: got %v", twin.Name, err)
	}
	if _, err := s.Change(row.ID, func(r Row) (Row, error) { r.Name = "Gate"; return r, nil }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = open() // from the volume alone
	defer db.Close()
	s = NewStore(db)
	row.Name = "Gate"
	if got, err := s.Get(row.ID); err != nil || got != row {
		t.Fatalf("after reopening: got %+v, %v; want %+v", got, err, row)
	}
	if _, err := s.Delete(row.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(row.ID); field(err) != "/no_camera" {
		t.Fatalf("after deletion: got %v", err)
	}
	if rows, err := s.List(); err != nil || len(rows) != 0 {
		t.Fatalf("after deletion: got %v, %v", rows, err)
	}
}

func TestACertificateIsThatOfAHost(t *testing.T) {
	key := strings.Repeat("a1", 32)
	row, err := New(api.CameraRequest{Name: "Door", URL: "rtsps://10.0.0.1/1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	row = row.trust("rtsps://10.0.0.1:322/2", key)
	if row.trust("rtsps://10.0.0.9/2", "other") != row || row.Certificate != key || row.certificateOf("rtsps://10.0.0.9/1") != "" {
		t.Errorf("certificate %q", row.Certificate)
	}
	for _, c := range []struct {
		url  string
		key  *string
		want string
	}{
		{"rtsps://10.0.0.1:3222/1", nil, key}, {"rtsps://10.0.0.2/1", nil, ""}, {"rtsps://10.0.0.1/1", ptr(""), ""},
		{"rtsps://10.0.0.1/1", ptr(strings.Repeat("b", 64)), strings.Repeat("b", 64)},
	} {
		got, err := row.With(api.CameraRequest{Name: "Door", URL: c.url, Certificate: c.key})
		if err != nil || got.Certificate != c.want {
			t.Errorf("%s: %q, %v", c.url, got.Certificate, err)
		}
	}
}
