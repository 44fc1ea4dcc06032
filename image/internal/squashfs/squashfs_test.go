package squashfs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/image/internal/tree"
)

func TestOnlyCompressedIsCompressed(t *testing.T) {
	content := bytes.Repeat([]byte("the same again and again "), 100_000)
	var tr tree.Tree
	tr.File("a/file", 0o644, content)
	for form, plain := range map[Form]bool{Compressed: false, Plain: true} {
		out := filepath.Join(t.TempDir(), "out")
		if err := Write(t.Context(), &tr, out, form, time.Unix(1_700_000_000, 0)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, content[:100_000]) != plain || (len(b) > len(content)) != plain {
			t.Errorf("form %d: %d bytes of %d", form, len(b), len(content))
		}
	}
}
