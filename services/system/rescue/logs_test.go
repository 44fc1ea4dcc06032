package rescue

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigie/internal/api"
)

func TestLogsThatCannotBeHadDoNotKeepTheOthers(t *testing.T) {
	m, _, _ := bench(t, 1<<20)
	m.root = t.TempDir() // with no init, and a kernel's log that is a file
	if err := os.Mkdir(filepath.Join(m.root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.root, "dev/kmsg"), []byte("6,1,2,-;hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "logs")
	if err := m.write(t.Context(), folder, api.Status{Version: "1.2.3", Hostname: "gate"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"report.json": `"hostname": "gate"`, "kernel.log": "6,1,2,-;hello", "init.log": "could not be had", "services.txt": "not known"} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if err := m.write(t.Context(), folder, api.Status{}); err == nil {
		t.Error("what is there already is overwritten")
	}
}

// TestLogsGoToTheUSBDiskWhichIsEjectedThen asks a system service that has one USB disk.
func TestLogsGoToTheUSBDiskWhichIsEjectedThen(t *testing.T) {
	root, stick := t.TempDir(), t.TempDir()
	var asked []string
	mux := http.NewServeMux()
	status := api.Status{Hostname: "gate", Media: []api.Medium{{ID: "usb-1", Path: filepath.Join(stick, "Vigie exports")}}}
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(status) })
	mux.HandleFunc("POST /v1/media/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.PathValue("what")+" "+r.PathValue("id"))
		if r.PathValue("id") != "usb-1" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	socket := filepath.Join(root, systemSocket)
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux}}
	server.Start()
	defer server.Close()
	m, out, _ := bench(t, 1<<20)
	m.root = root
	if err := m.run(t.Context(), []string{"logs", "usb-2"}); err == nil {
		t.Error("a USB disk that is not there is written to")
	}
	if err := m.run(t.Context(), []string{"logs", "usb-1"}); err != nil {
		t.Fatal(err)
	}
	reports, err := filepath.Glob(filepath.Join(stick, "Vigie logs *", "report.json"))
	if err != nil || len(reports) != 1 || !slices.Equal(asked, []string{"mount usb-2", "mount usb-1", "eject usb-1"}) || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "can be pulled") {
		t.Errorf("%v, asked %q, says %s", reports, asked, out)
	}
}
