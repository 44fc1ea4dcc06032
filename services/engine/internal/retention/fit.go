package retention

// Want is what the recordings of a camera and kind want of the room.
type Want struct {
	Kind          string
	Days, MinDays int // as of a Line
	BytesPerDay   int64
}

// Unknown is for how far back recordings reach of which there are none, or which nothing bounds.
const Unknown = -1

// Fit tells for each want how many days its recordings will reach back once the volumes that take recordings, with roomBytes
// together, are full: at the present rates, shared out as Plan does it.
func Fit(wants []Want, roomBytes int64) []float64 {
	lines := make([]Line, len(wants))
	for i, w := range wants {
		lines[i] = Line{Kind: w.Kind, Days: w.Days, MinDays: w.MinDays}
	}
	share := targets(lines)
	room := float64(max(0, roomBytes))
	// What a want has when all have x times what they share by, and no less than what is promised.
	days := func(i int, x float64) float64 {
		d := max(x*float64(share[i]), float64(wants[i].MinDays))
		if wants[i].Days > 0 {
			d = min(d, float64(max(wants[i].Days, wants[i].MinDays)))
		}
		return d
	}
	need := func(x float64) (sum float64) {
		for i, w := range wants {
			sum += float64(w.BytesPerDay) * days(i, x)
		}
		return sum
	}
	const most = 1e6 // times what they share by: more than any room holds
	low, high, shrink := 0.0, most, 1.0
	switch promised := need(0); {
	case promised > room:
		high, shrink = 0, room/promised
	case need(most) <= room: // all that is bounded fits
		low = most
	default:
		for range 100 {
			if mid := (low + high) / 2; need(mid) <= room {
				low = mid
			} else {
				high = mid
			}
		}
	}
	out := make([]float64, len(wants))
	for i, w := range wants {
		switch {
		case w.BytesPerDay == 0, low == most && w.Days == 0:
			out[i] = Unknown
		default:
			out[i] = days(i, low) * shrink
		}
	}
	return out
}
