// Package ui carries the built single-page app inside the vigie binary.
//
// The sources beside this file are TypeScript and Svelte; the build writes dist/, which is not kept in git (except for
// an empty marker, so that this package compiles in a fresh clone). Whether dist/ holds an app at all is for the
// server to find out: it answers with an explanation when index.html is missing.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the root of the built app: index.html and its assets, or nothing but the marker.
func Dist() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil { // only an invalid constant path could do that
		panic(err)
	}
	return sub
}
