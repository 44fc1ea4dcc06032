package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"vigie/services/engine/internal/verify"
)

// errNotGenuine is what Verify returns when all could be read.
var errNotGenuine = errors.New("not all of it is as it was exported")

// Verify is "vigie verify": it judges exported files, folders and ZIPs, and prints what it finds. It returns nil when all
// of them are as they were exported. Nothing of the engine need run.
func Verify(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("verify", flag.ContinueOnError)
	fs.SetOutput(stderr)
	key := fs.String("key", "", "`fingerprint` that the signatures must have, as the appliance's system page shows it")
	fs.Usage = func() {
		fmt.Fprintln(stderr, "usage: vigie verify [-key FINGERPRINT] FILE...\n\nFILE is an exported file, a folder of them, or a ZIP.")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() == 0 {
		fs.Usage()
		return flag.ErrHelp
	}
	v := &verify.Verifier{Key: strings.ToLower(strings.Join(strings.Fields(*key), ""))}
	if v.Key != "" && (len(v.Key) != 64 || strings.Trim(v.Key, "0123456789abcdef") != "") {
		return errors.New("a fingerprint has 64 hexadecimal digits")
	}
	genuine, keys := true, map[string]string{}
	for _, path := range fs.Args() {
		results, err := v.Path(ctx, path)
		if err != nil {
			return err
		}
		for _, r := range results {
			word := "genuine"
			if !r.Genuine {
				word, genuine = "NOT GENUINE", false
			}
			fmt.Fprintf(stdout, "%s: %s\n", printable(r.Name), word)
			for _, line := range r.Lines {
				fmt.Fprintf(stdout, "  %s\n", printable(line))
			}
		}
		maps.Copy(keys, v.Keys())
	}
	for _, print := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(stdout, "\nSigned with the key of %s:\n  %s\n", printable(keys[print]), verify.Groups(print))
	}
	if v.Key == "" && len(keys) > 0 {
		fmt.Fprintln(stdout, "Compare it with the one on the appliance's system page: anybody can sign with a key of their own.")
	}
	if !genuine {
		return errNotGenuine
	}
	return nil
}

// printable keeps what a file says from playing tricks with a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}
