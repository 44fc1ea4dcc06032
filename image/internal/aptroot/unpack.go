package aptroot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"vigie/image/internal/manifest"
)

// unpack returns the folder with a package's files. It runs none of the package's scripts and needs no privileges;
// owners in the package are not kept.
func (r *Root) unpack(ctx context.Context, p manifest.Package) (string, error) {
	parent := filepath.Join(r.dir, "unpacked")
	dir := filepath.Join(parent, p.SHA256)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("make folder of unpacked packages: %w", err)
	}
	// Under another name until it is whole.
	scratch, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return "", fmt.Errorf("make folder to unpack %s: %w", p.Name, err)
	}
	defer os.RemoveAll(scratch)
	if _, err := run(ctx, "", "dpkg-deb", "-x", r.deb(p.SHA256), scratch); err != nil {
		return "", fmt.Errorf("unpack %s: %w", p.Name, err)
	}
	if err := os.Rename(scratch, dir); err != nil {
		return "", fmt.Errorf("keep unpacked %s: %w", p.Name, err)
	}
	return dir, nil
}
