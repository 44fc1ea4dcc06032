// Program image builds what Vigie is handed out as. README.md says what is in it.
//
//	go run ./image build -out build
//
// writes vigie.iso, system.img, vigie.manifest.json, disks for virtual machines (vigie.ova, .vmdk, .vdi, .vhdx), and vmlinuz and
// initrd.img for booting one directly;
//
//	go run ./image decoder -out build
//
// only the decoder, ffmpeg, for running the services without a machine;
//
//	go run ./image variant -version 2 -later 60s [-options "name=value ..."] -to build/next.img -out build
//
// of what was built another system image, with another version, built so many seconds later, for trying updates.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	work := (*build).run // the default
	if len(args) > 0 {
		switch args[0] {
		case "decoder":
			work = (*build).decoder
			args = args[1:]
		case "variant":
			work = (*build).variant
			args = args[1:]
		case "build":
			args = args[1:]
		}
	}
	var b build
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&b.root, "C", ".", "`folder` of the source tree")
	flags.StringVar(&b.out, "out", "build", "`folder` for the image")
	flags.BoolVar(&b.refresh, "refresh", false, "take the newest Debian packages instead of those of the last build")
	flags.StringVar(&b.keyFile, "key", "", "private key `file` that signs the system image; without one, a key of this machine's own")
	flags.StringVar(&b.notesFile, "notes", "", "`file` with the release notes")
	flags.StringVar(&b.to, "to", "", "variant: `file` that is written")
	flags.StringVar(&b.version, "version", "", "variant: its version")
	flags.DurationVar(&b.later, "later", time.Minute, "variant: how much later than the other it says it was built; negative: earlier")
	flags.StringVar(&b.options, "options", "", "variant: more options for its kernel")
	flags.StringVar(&b.initPackage, "init", "./initramfs", "Go `package` of init")
	flags.StringVar(&b.vigiePackage, "vigie", "./services/vigie", "Go `package` of the services")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("no command or argument %q; usage: image [build|decoder|variant] [-out folder] [-refresh]", flags.Arg(0))
	}
	cache, err := os.UserCacheDir() // XDG_CACHE_HOME
	if err != nil {
		return fmt.Errorf("find the cache folder: %w", err)
	}
	b.cache = filepath.Join(cache, "vigie", "packages")
	b.log = slog.New(slog.NewTextHandler(stderr, nil))
	b.stdout = stdout
	return work(&b, ctx)
}
