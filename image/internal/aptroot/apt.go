package aptroot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"vigie/image/internal/manifest"
)

// keyring is where debian-archive-keyring puts the keys of all releases; those of trixie are in it since
// 2023.3+deb12u2 on Debian 12.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// apt runs the machine's apt programs on a private root. The machine's apt.conf stays in force (a proxy, for example);
// its sources, preferences, lists, cache and installed packages do not.
type apt struct {
	options []string
}

// record is a package as the index describes it.
type record struct {
	manifest.Package
	depends []string // names, the first of alternatives
}

// prepareApt makes the private root's folders and its sources list for two archives; kind is "deb" for packages, "deb-src"
// for sources, each with lists of its own.
func (r *Root) prepareApt(kind, main, security string) (*apt, error) {
	if _, err := os.Stat(keyring); err != nil {
		return nil, fmt.Errorf("find the archive keys of Debian (install debian-archive-keyring): %w", err)
	}
	dir := filepath.Join(r.dir, "apt", kind)
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("make private apt root: %w", err)
		}
	}
	sources := filepath.Join(dir, "sources.list")
	status := filepath.Join(dir, "status")
	var text string
	for _, archive := range []string{main + " " + Series, main + " " + Series + "-updates", security + " " + Series + "-security"} {
		text += fmt.Sprintf("%s [signed-by=%s] %s main\n", kind, keyring, archive)
	}
	if err := errors.Join(os.WriteFile(sources, []byte(text), 0o644), os.WriteFile(status, nil, 0o644)); err != nil {
		return nil, fmt.Errorf("make private apt root: %w", err)
	}
	a := &apt{}
	for _, o := range []string{
		"Dir::Etc::sourcelist=" + sources, "Dir::Etc::sourceparts=/dev/null",
		"Dir::Etc::preferences=/dev/null", "Dir::Etc::preferencesparts=/dev/null",
		"Dir::Etc::trusted=/dev/null", "Dir::Etc::trustedparts=/dev/null",
		"Dir::State=" + dir, "Dir::State::lists=" + filepath.Join(dir, "lists"), "Dir::State::status=" + status,
		"Dir::Cache=" + filepath.Join(dir, "cache"),
		"APT::Architecture=" + Arch, "APT::Architectures::=" + Arch, "APT::Default-Release=",
		// The private root belongs to whoever builds, and apt's own sandbox user could not write to it.
		"APT::Sandbox::User=",
		"Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		// An index that cannot be fetched or verified is an error, not a warning.
		"APT::Update::Error-Mode=any",
	} {
		a.options = append(a.options, "-o", o)
	}
	return a, nil
}

// mirrors finds where this machine gets Debian's main and security archives from.
func mirrors(ctx context.Context) (main, security string, err error) {
	out, err := run(ctx, "", "apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", "", fmt.Errorf("ask apt for this machine's mirror: %w", err)
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", "", fmt.Errorf("read this machine's release: %w", err)
	}
	return chooseMirrors(string(out), codename(string(release)))
}

func codename(osRelease string) string {
	for line := range strings.Lines(osRelease) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return ""
}

// chooseMirrors picks the archives out of lines "release component uri".
func chooseMirrors(targets, codename string) (main, security string, err error) {
	names := map[string]bool{codename: true, "stable": true, "oldstable": true}
	for line := range strings.Lines(targets) {
		field := strings.Fields(line)
		if len(field) != 3 || field[1] != "main" {
			continue
		}
		release, isSecurity := strings.CutSuffix(field[0], "-security")
		switch {
		case !names[release]:
		case isSecurity && security == "":
			security = field[2]
		case !isSecurity && main == "":
			main = field[2]
		}
	}
	if main == "" || security == "" {
		return "", "", fmt.Errorf("this machine's apt sources name no mirror of Debian (%s) and of its security archive", codename)
	}
	return main, security, nil
}

func (a *apt) update(ctx context.Context) error {
	if _, err := run(ctx, "", "apt-get", append(a.options, "-q", "update")...); err != nil {
		return fmt.Errorf("fetch Debian %s's package indexes (if a key is missing: apt-get install debian-archive-keyring): %w", Series, err)
	}
	return nil
}

// show looks packages up in the indexes, the newest version of each.
func (a *apt) show(ctx context.Context, names []string) ([]record, error) {
	out, err := run(ctx, "", "apt-cache", append(append(a.options, "show", "--no-all-versions"), names...)...)
	if err != nil {
		return nil, fmt.Errorf("look up packages: %w", err)
	}
	records, err := parseRecords(out)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, r := range records {
		found[r.Name] = true
	}
	for _, n := range names {
		if !found[n] {
			return nil, fmt.Errorf("no package %s in Debian %s", n, Series)
		}
	}
	return records, nil
}

// parseRecords reads the paragraphs of a package index (Debian Policy §5.1).
func parseRecords(text []byte) ([]record, error) {
	var list []record
	seen := map[string]bool{}
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		var r record
		lines := bufio.NewScanner(strings.NewReader(paragraph))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			name, value, ok := strings.Cut(lines.Text(), ": ")
			if !ok || strings.HasPrefix(name, " ") {
				continue
			}
			switch name {
			case "Package":
				r.Name = value
			case "Version":
				r.Version = value
			case "Architecture":
				r.Arch = value
			case "SHA256":
				r.SHA256 = value
			case "Depends":
				r.depends = dependencies(value)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read package index: %w", err)
		}
		switch {
		case r.Name == "" || seen[r.Name]:
			continue
		case r.Version == "" || r.Arch == "" || len(r.SHA256) != 64:
			return nil, fmt.Errorf("package index: the entry of %s is incomplete", r.Name)
		}
		seen[r.Name] = true
		list = append(list, r)
	}
	return list, nil
}

// dependencies reads the names out of a Depends field (Debian Policy §7.1), of alternatives the first.
func dependencies(field string) []string {
	var names []string
	for _, d := range strings.Split(field, ",") {
		words := strings.FieldsFunc(d, func(c rune) bool { return strings.ContainsRune(" |(:", c) })
		if len(words) > 0 {
			names = append(names, words[0])
		}
	}
	return names
}

// download fetches packages, verified by apt, into dir.
func (a *apt) download(ctx context.Context, dir string, list []record) error {
	args := append(a.options, "-q", "download")
	for _, r := range list {
		args = append(args, r.Name+"="+r.Version)
	}
	if _, err := run(ctx, dir, "apt-get", args...); err != nil {
		return fmt.Errorf("download packages: %w", err)
	}
	return nil
}

// run runs a program in dir and returns its output; what it wrote to its standard error becomes part of the error.
func run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}
