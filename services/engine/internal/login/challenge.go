package login

import "strings"

// maxChallenges bounds what is read of a server's offers.
const maxChallenges = 16

// challenge is one offer of a server: scheme and names of parameters in lower case.
type challenge struct {
	scheme string
	params map[string]string
}

// parse reads WWW-Authenticate headers (RFC 7235 §4.1), each of which may hold several challenges. What cannot be
// understood is passed over: cameras' headers are not always well-formed, and one good challenge is enough.
func parse(headers []string) []challenge {
	var list []challenge
	for _, h := range headers {
		r := &scanner{rest: h}
		for r.rest != "" && len(list) < maxChallenges {
			r.skip(" \t,")
			word := r.token()
			if word == "" {
				r.drop()
				continue
			}
			r.skip(" \t")
			if !r.take('=') { // a scheme; its parameters follow
				list = append(list, challenge{scheme: strings.ToLower(word), params: map[string]string{}})
				continue
			}
			r.skip(" \t")
			value, ok := r.value()
			if ok && len(list) > 0 {
				p, name := list[len(list)-1].params, strings.ToLower(word)
				if _, twice := p[name]; !twice {
					p[name] = value
				}
			}
		}
	}
	return list
}

// scanner reads a header from left to right.
type scanner struct{ rest string }

func (r *scanner) skip(set string) { r.rest = strings.TrimLeft(r.rest, set) }

// drop passes over one byte.
func (r *scanner) drop() {
	if r.rest != "" {
		r.rest = r.rest[1:]
	}
}

func (r *scanner) take(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// token reads a token (RFC 7230 §3.2.6).
func (r *scanner) token() string {
	n := 0
	for n < len(r.rest) && isToken(r.rest[n]) {
		n++
	}
	t := r.rest[:n]
	r.rest = r.rest[n:]
	return t
}

func isToken(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// value reads a quoted string, or what stands up to the next comma or blank.
func (r *scanner) value() (string, bool) {
	if !r.take('"') {
		n := strings.IndexAny(r.rest, ", \t")
		if n < 0 {
			n = len(r.rest)
		}
		v := r.rest[:n]
		r.rest = r.rest[n:]
		return v, true
	}
	var b strings.Builder
	for r.rest != "" {
		c := r.rest[0]
		r.rest = r.rest[1:]
		switch {
		case c == '"':
			return b.String(), true
		case c == '\\' && r.rest != "":
			b.WriteByte(r.rest[0])
			r.rest = r.rest[1:]
		default:
			b.WriteByte(c)
		}
	}
	return "", false // it never ends
}
