package sysconfig

import "cmp"

// WebPort is the web admin's usual port, which nobody has to type.
const WebPort = 443

// Web is where the web admin is found.
type Web struct {
	// Port is 0 for the usual one.
	Port int `json:"port,omitempty"`
}

// At is the port at which the web admin listens.
func (w Web) At() int { return cmp.Or(w.Port, WebPort) }

func (w Web) validate() error {
	if w.Port < 0 || w.Port > 65535 {
		return refuse("web.port", "%d is no port: choose 1 to 65535.", w.Port)
	}
	return nil
}
