// Package version holds the product's version, set at link time with -X vigie/internal/version.Version=….
package version

// Version is what the console, the API and every recording's tags show. The linker sets it; "dev" otherwise.
var Version = "dev"
