package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vigie/services/engine/internal/manifest"
)

// upload is a file as a browser is given it.
type upload struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// judged is what the page says of a case: an entry a file, title and sentences in lines.
type judged [][]string

// drive stands behind the page's own script and gives it one case after the other.
const drive = `<script>
(async () => {
  const out = [];
  for (const { key, files } of await (await fetch('/cases')).json()) {
    document.getElementById('key').value = key;
    await take(files.map(({ name, content }) => new File([Uint8Array.from(atob(content ?? ''), (c) => c.charCodeAt(0))], name)));
    out.push([...results.children].map((item) => [...item.children].map((line) => line.textContent)));
  }
  await fetch('/report', { method: 'POST', body: JSON.stringify(out) });
})().catch((error) => fetch('/report', { method: 'POST', body: JSON.stringify([[[String(error.stack)]]]) }));
</script></html>`

// browse lets the page judge cases in Chromium.
func browse(t *testing.T, cases any) (out []judged) {
	t.Helper()
	page := string(manifest.Page)
	for old, with := range map[string]string{"default-src 'none'": "default-src 'self'", "</html>": drive} { // the test's own requests, and no others
		if strings.Count(page, old) != 1 {
			t.Fatalf("the page has %q not once", old)
		}
		page = strings.Replace(page, old, with, 1)
	}
	reports := make(chan []byte, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("GET /cases", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(cases) })
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		select {
		case reports <- b:
		default:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	var log bytes.Buffer
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", server.URL+"/page")
	cmd.Stderr, cmd.WaitDelay = &log, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	select {
	case b := <-reports:
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatalf("report %.300q: %v", b, err)
		}
	case <-time.After(90 * time.Second):
		t.Fatalf("the browser reported nothing: %s", log.String())
	}
	return out
}

// TestThePageSaysWhatTheProgramSays: of files that were dealt with in every way, and of bundles.
func TestThePageSaysWhatTheProgramSays(t *testing.T) {
	k := key(t, 1)
	body, document := exportFile(t, "a.mkv", k)
	m, err := manifest.Read(document)
	if err != nil {
		t.Fatal(err)
	}
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	flip := func(b []byte, i int) []byte { b = bytes.Clone(b); b[i] ^= 1; return b }
	second := func(i int) []byte { return body[100+1000*i : 1100+1000*i] }
	order := func(list ...int) []byte {
		b := bytes.Clone(body[:100])
		for _, i := range list {
			b = append(b, second(i)...)
		}
		return append(b, body[5100:]...)
	}
	type test struct {
		Name  string   `json:"-"`
		Key   string   `json:"key"`
		Files []upload `json:"files"`
		body  []byte
	}
	var cases []test
	for name, b := range map[string][]byte{
		"genuine": body, "changed": flip(body, 2500), "first byte": flip(body, 0), "last byte": flip(body, 5199), "cut": order(0, 1, 3, 4), "cut at the end": order(0, 1, 2),
		"inserted": join(body[:2100], []byte("foreign"), body[2100:]), "replaced": join(body[:2100], []byte("foreign"), body[3100:]),
		"swapped": order(0, 2, 1, 3, 4), "moved far": order(4, 0, 1, 2, 3), "twice": order(0, 1, 1, 2, 3, 4), "appended": join(body[:5100], []byte("more"), body[5100:]),
		"two": flip(flip(body, 150), 4200), "header shorter": body[10:],
	} {
		cases = append(cases, test{Name: name, Files: []upload{{"a.mkv", join(b, document)}}, body: b})
	}
	for n, b := range [][]byte{body[:3000], body[:3100], body[:50], body[:5150]} {
		cases = append(cases, test{Name: fmt.Sprintf("truncated %d", n), Files: []upload{{"a.mkv", b}, {"a.mkv" + beside, document}}, body: b})
	}
	compared := len(cases)
	cases = append(cases,
		test{Name: "another key", Key: strings.Repeat("ab ", 32), Files: []upload{{"a.mkv", join(body, document)}}},
		test{Name: "the right key", Key: Groups(k.Public().Fingerprint()), Files: []upload{{"a.mkv", join(body, document)}}},
		test{Name: "manifest changed", Files: []upload{{"a.mkv", join(body, flip(document, 200))}}},
		test{Name: "no manifest", Files: []upload{{"a.mkv", body}}},
		test{Name: "signature changed", Files: []upload{{"a.mkv", join(body, flip(document, len(document)-60))}}},
	)
	got := browse(t, cases)
	if len(got) != len(cases) {
		t.Fatalf("the page says %v", got)
	}
	for i, c := range cases[:compared] {
		findings, err := manifest.Check(t.Context(), bytes.NewReader(c.body), int64(len(c.body)), m)
		if err != nil {
			t.Fatal(err)
		}
		word := "a.mkv: genuine"
		if len(findings) > 0 {
			word = "a.mkv: NOT GENUINE"
		}
		said := strings.Join(got[i][0], "\n")
		if got[i][0][0] != word || !strings.Contains(said, "Door (camera k3f9x2ab, main stream), 2025-11-26 05:59:59 to 06:00:04 UTC.") || !strings.Contains(said, Groups(k.Public().Fingerprint())) {
			t.Errorf("%s: the page says\n%s", c.Name, said)
		}
		lines := 4 + len(findings) // title, origin, who, key
		if len(findings) == 0 {
			lines++ // a second that was damaged before
		}
		if len(got[i][0]) != lines {
			t.Errorf("%s: the page says\n%s\nthe program has %v", c.Name, said, findings)
		}
		for _, f := range findings {
			want := strings.NewReplacer("'", "’", "3s are", "3 s are", "2s are", "2 s are", "5s are", "5 s are").Replace(Sentence(f))
			if !strings.Contains(said, want) {
				t.Errorf("%s: the page says\n%s\nthe program says %s", c.Name, said, want)
			}
		}
	}
	for i, want := range [][]string{{"NOT GENUINE", "That is not the key"}, {"a.mkv: genuine"}, {"NOT GENUINE", "signature is wrong"}, {"NOT GENUINE", "It has no manifest"}, {"NOT GENUINE", "signature is wrong"}} {
		said := strings.Join(got[compared+i][0], "\n")
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: the page says\n%s\nwant %q", cases[compared+i].Name, said, w)
			}
		}
	}
}
