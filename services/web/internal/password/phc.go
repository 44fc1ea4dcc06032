package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params is the cost of one hash. The zero value is not valid.
type Params struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// Default is the cost that new passwords get: 32 MiB while it runs and about 0.1 s on a 2 GHz core, above the floor
// commonly advised for constrained machines (19 MiB, 2 passes) and bearable on two slow cores with 256 MB.
func Default() Params { return Params{MemoryKiB: 32 * 1024, Passes: 3, Threads: 1} }

// Limits on what a stored string may ask for, so that a damaged database cannot exhaust the machine.
const (
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxThreads   = 8
	minSalt      = 8
	maxSalt      = 64
	minSum       = 16
	maxSum       = 64
)

// errPHC is what every malformed string comes down to; no part of the string is repeated in the error.
var errPHC = errors.New("not a password hash that this version understands")

// record is the content of one PHC string.
type record struct {
	params Params
	salt   []byte
	sum    []byte
}

// String formats r as $argon2id$v=19$m=…,t=…,p=…$salt$hash, base64 without padding (the PHC string format).
func (r record) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		r.params.MemoryKiB, r.params.Passes, r.params.Threads, b64.EncodeToString(r.salt), b64.EncodeToString(r.sum))
}

// Valid says whether s is a hash that this package made.
func Valid(s string) bool {
	_, err := parse(s)
	return err == nil
}

// parse reads a PHC string. It accepts only what String writes: the parameters in that order, no leading zeros, strict
// base64, values within the limits above.
func parse(s string) (record, error) {
	var r record
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return r, errPHC
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return r, errPHC
	}
	memory, err1 := cost(costs[0], "m=", 8, maxMemoryKiB)
	passes, err2 := cost(costs[1], "t=", 1, maxPasses)
	threads, err3 := cost(costs[2], "p=", 1, maxThreads)
	if errors.Join(err1, err2, err3) != nil || memory < 8*threads {
		return r, errPHC
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, err1 := b64.DecodeString(parts[4])
	sum, err2 := b64.DecodeString(parts[5])
	if errors.Join(err1, err2) != nil || len(salt) < minSalt || len(salt) > maxSalt || len(sum) < minSum || len(sum) > maxSum {
		return r, errPHC
	}
	// The base64 decoder skips line breaks; a string with one is still not what String writes.
	if strings.ContainsAny(s, "\r\n") {
		return r, errPHC
	}
	r.params = Params{MemoryKiB: memory, Passes: passes, Threads: uint8(threads)}
	r.salt, r.sum = salt, sum
	return r, nil
}

func cost(s, prefix string, min, max uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok || digits == "" || digits[0] < '1' || digits[0] > '9' {
		return 0, errPHC
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || uint32(n) < min || uint32(n) > max {
		return 0, errPHC
	}
	return uint32(n), nil
}
