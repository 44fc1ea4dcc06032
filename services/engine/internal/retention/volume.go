package retention

// MinReserve is kept free on every volume whatever its limit, in bytes: closing files, the index's copies and the
// filesystem itself need room in order to free any. A small volume keeps a twentieth instead.
const MinReserve = 512 << 20

// maxSlack bounds how far under its limit a volume is brought: with segments of 150 MB, some seven at a time.
const maxSlack = 1 << 30

// Volume is how full a volume is.
type Volume struct {
	SizeBytes    int64 // of the filesystem
	FreeBytes    int64 // for unprivileged writers
	LimitPercent int   // of SizeBytes that may be used
}

// Limit is how many bytes may be used.
func (v Volume) Limit() int64 {
	byPercent := v.SizeBytes / 100 * int64(v.LimitPercent)
	reserve := min(MinReserve, v.SizeBytes/20)
	return max(0, min(byPercent, v.SizeBytes-reserve))
}

// Excess returns by how many bytes the volume is over its limit; 0 when it is not.
func (v Volume) Excess() int64 {
	return max(0, v.SizeBytes-v.FreeBytes-v.Limit())
}

// Slack is how many bytes under its limit a volume is brought that was over it.
func (v Volume) Slack() int64 { return min(v.SizeBytes/1000, maxSlack) }
