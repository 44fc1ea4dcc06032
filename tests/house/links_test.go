package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func trackedFiles(t *testing.T, patterns ...string) []string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"ls-files", "-z", "--"}, patterns...)...)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

func markdownLink() *regexp.Regexp { return regexp.MustCompile(`\]\(([^)\s]+)\)`) }

// brokenLinks returns the relative links of a document that lead nowhere; exists is asked with a path relative to
// the root of the tree.
func brokenLinks(document, text string, exists func(path string) bool) []string {
	var broken []string
	for _, m := range markdownLink().FindAllStringSubmatch(text, -1) {
		target, _, _ := strings.Cut(m[1], "#")
		if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		if !exists(filepath.Join(filepath.Dir(document), target)) {
			broken = append(broken, m[1])
		}
	}
	return broken
}

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	dir := root(t)
	docs := trackedFiles(t, "*.md")
	if len(docs) == 0 {
		t.Fatal("no markdown in the tree")
	}
	for _, doc := range docs {
		text, err := os.ReadFile(filepath.Join(dir, doc))
		if os.IsNotExist(err) {
			continue // removed, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range brokenLinks(doc, string(text), func(p string) bool {
			_, err := os.Stat(filepath.Join(dir, p))
			return err == nil
		}) {
			t.Errorf("%s: link to %s leads nowhere", doc, link)
		}
	}
}

func TestBrokenLinkIsFound(t *testing.T) {
	text := "[a](here.md) [b](gone.md#part) [c](https://example.org/x) [d](#below) [e](../up.md)"
	there := map[string]bool{"docs/here.md": true, "up.md": true}
	got := brokenLinks("docs/index.md", text, func(p string) bool { return there[p] })
	if len(got) != 1 || got[0] != "gone.md#part" {
		t.Errorf("broken links %q, want gone.md#part alone", got)
	}
}

func TestNoLargeFileIsInTheTree(t *testing.T) {
	const limit = 1 << 20
	for _, f := range trackedFiles(t) {
		info, err := os.Stat(filepath.Join(root(t), f))
		if err == nil && info.Size() > limit {
			t.Errorf("%s has %d bytes: what can be made is made when it is needed and cached outside the tree", f, info.Size())
		}
	}
}
