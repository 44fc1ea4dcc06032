package links

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestADutyIsDoneAtEachChangeAndFromTimeToTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDuty[string]()
		ctx, cancel := context.WithCancel(t.Context())
		var done []string
		ended := make(chan error, 1)
		go func() {
			ended <- d.Run(ctx, time.Minute, func() {
				s, list := d.Asked()
				for _, l := range list {
					s += " " + l.Name
				}
				done = append(done, s)
			})
		}()
		d.Configure("open")
		synctest.Wait()
		list := []Link{{Name: "lan1"}}
		d.SetLinks(list)
		list[0].Name = "somebody else's by now"
		synctest.Wait()
		d.Configure("shut")
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := []string{"open", "open lan1", "shut lan1", "shut lan1"}; !slices.Equal(done, want) {
			t.Errorf("done %q, want %q", done, want)
		}
	})
}
