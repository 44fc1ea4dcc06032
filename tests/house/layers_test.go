package house

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// engineRanks gives each layer of the engine the packages of which it is made; a package imports only from lower
// layers. Data flows from low to high, and nothing downstream may call upstream.
var engineRanks = [][]string{
	{"media", "mpeg4", "g726", "login", "sdp", "manifest", "rowid"},
	{"ring", "rtsp", "mkv", "fmp4", "index", "history", "retention", "calendar", "trigger", "protection", "deletion", "rtc"},
	{"ingest", "archive", "coverage", "mp4", "source"},
	{"transcode"},
	{"record", "playback", "live", "relay", "export", "verify", "repair"},
	{"camera"},
	{"httpapi"},
}

func engineRank(p string) (rank int, known bool) {
	name, ok := strings.CutPrefix(p, "services/engine/internal/")
	if !ok {
		return 0, false
	}
	name, _, _ = strings.Cut(name, "/")
	for rank, names := range engineRanks {
		if slices.Contains(names, name) {
			return rank, true
		}
	}
	return 0, false
}

func TestEnginePackagesImportOnlyLowerOnes(t *testing.T) {
	checked := 0
	for _, p := range packages(t) {
		if !within(p.path(), "services/engine/internal") {
			continue
		}
		if strings.HasSuffix(p.path(), "test") {
			continue // for tests: TestPackagesForTestsAreImportedByTestsOnly
		}
		rank, known := engineRank(p.path())
		if !known {
			t.Errorf("%s has no rank: data flows one way in the engine, so each package belongs to a layer (engineRanks in tests/house)", p.path())
			continue
		}
		checked++
		own := engineName(p.path())
		for _, i := range local(p.Imports) {
			other, known := engineRank(i)
			if known && other >= rank && engineName(i) != own {
				t.Errorf("%s imports %s, which is not in a lower layer: nothing downstream may call upstream", p.path(), i)
			}
		}
	}
	if checked == 0 {
		t.Error("no package of the engine was checked")
	}
}

func TestPackagesForTestsAreImportedByTestsOnly(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range local(p.Imports) {
			if strings.HasSuffix(i, "test") && !strings.HasSuffix(p.path(), "test") && !within(p.path(), "tests") {
				t.Errorf("%s imports %s, which is there for tests: what is shipped must not contain it", p.path(), i)
			}
		}
	}
}

func engineName(p string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(p, "services/engine/internal/"), "/")
	return name
}

func TestServicesMeetOnlyThroughTheirClients(t *testing.T) {
	for _, p := range packages(t) {
		service, ok := serviceOf(p.path())
		if !ok || service == "vigie" { // the multi-call main starts them all
			continue
		}
		for _, i := range local(p.Imports) {
			other, ok := serviceOf(i)
			if ok && other != service && path.Base(i) != other+"api" {
				t.Errorf("%s imports %s: services are processes of their own and meet only through %s", p.path(), i, "services/"+other+"/"+other+"api")
			}
		}
	}
}

func serviceOf(p string) (string, bool) {
	rest, ok := strings.CutPrefix(p, "services/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, true
}

func TestInitLinksNothingThatParsesTheNetwork(t *testing.T) {
	forbidden := map[string]string{
		"net/http":      "PID 1 must not parse what a network sent",
		"crypto/tls":    "PID 1 must not parse what a network sent",
		"crypto/x509":   "PID 1 has no business with certificates",
		"html/template": "PID 1 renders nothing",
		"text/template": "templates pull in reflection and defeat dead-code elimination",
	}
	checked := 0
	for _, p := range packages(t) {
		if !within(p.path(), "initramfs") {
			continue
		}
		checked++
		for _, d := range p.Deps {
			if why, bad := forbidden[d]; bad {
				t.Errorf("%s links %s: %s", p.path(), d, why)
			}
		}
	}
	if checked == 0 {
		t.Error("no package under initramfs: the rule held nothing")
	}
}

func TestToolsAreNeverShipped(t *testing.T) {
	for _, p := range packages(t) {
		if within(p.path(), "tools") || within(p.path(), "tests") {
			continue
		}
		for _, i := range local(p.Imports) {
			if within(i, "tools") || within(i, "tests") {
				t.Errorf("%s imports %s: tools are for developers; only tests (and other tools) may import them", p.path(), i)
			}
		}
	}
}

func TestInternalIsForWhatIsShared(t *testing.T) {
	users := make(map[string]map[string]bool)
	for _, p := range packages(t) {
		top, _, _ := strings.Cut(p.path(), "/")
		if top == "services" {
			s, _ := serviceOf(p.path())
			top = "services/" + s
		}
		for _, i := range local(slices.Concat(p.Imports, p.TestImports, p.XTestImports)) {
			if within(i, "internal") && !within(p.path(), i) {
				if users[i] == nil {
					users[i] = make(map[string]bool)
				}
				users[i][top] = true
			}
		}
	}
	for _, p := range packages(t) {
		if !within(p.path(), "internal") {
			continue
		}
		if len(users[p.path()]) == 0 {
			t.Errorf("%s is imported by nobody: internal/ is for what two or more parts share", p.path())
		}
	}
}

func TestPackagesAreNamedAfterWhatTheyOwn(t *testing.T) {
	for _, p := range packages(t) {
		switch path.Base(p.path()) {
		case "util", "utils", "common", "helpers", "helper", "types", "misc", "shared":
			t.Errorf("%s: the name says nothing about what the package owns", p.path())
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // nothing but tests
		}
		// the doc of go list is the first sentence of the package comment
		want := []string{"Package " + p.Name + " "}
		if p.Name == "main" {
			want = []string{"Command ", "Program "}
		}
		switch {
		case p.Doc == "":
			t.Errorf("%s has no package comment: say what it owns, its invariants, its concurrency, and what it must not do", p.path())
		case !slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(p.Doc, w) }):
			t.Errorf("%s: the package comment starts with %q, want %q", p.path(), p.Doc, want)
		}
	}
}
