// Package gobuild builds the project's own programs for the image: static, without paths of the build machine, the same
// bytes from the same source.
package gobuild

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Program is what to build.
type Program struct {
	Package string // import path relative to the module's root, "./initramfs"
	Version string // of the product, linked in
}

// Build compiles p of the module in dir and writes the binary to out.
func (p Program) Build(ctx context.Context, dir, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X vigie/internal/version.Version="+p.Version, "-o", out, p.Package)
	cmd.Dir = dir
	// GOAMD64=v1: recorders are often old machines. GOFLAGS: no one's private settings.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", p.Package, err, text)
	}
	return nil
}
