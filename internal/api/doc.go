// Package api holds the one description of Vigie's HTTP API, openapi.yaml, and the Go types made from it.
//
// The specification is the source: edit it, then run "make generate", which writes api.gen.go here and the
// TypeScript types of the web admin. The web service answers or proxies every path; the engine and system services
// answer theirs over unix sockets with the same paths and bodies, so that nothing is translated on the way.
//
// Everything here is data. Handlers, clients and validation live with the services.
package api

import _ "embed"

// Spec is openapi.yaml, served by the web service at /api/v1/openapi.yaml and checked against the handlers in tests.
//
//go:embed openapi.yaml
var Spec []byte

//go:generate go tool oapi-codegen -config oapi-codegen.yaml openapi.yaml
