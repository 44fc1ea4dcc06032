package system

import "testing"

func TestABootIsOverOnceAndForAllRunsOfTheService(t *testing.T) {
	dir := t.TempDir()
	if newBoot(dir).over() {
		t.Error("over before it began")
	}
	if err := newBoot(dir).end(); err != nil {
		t.Fatal(err)
	}
	if !newBoot(dir).over() {
		t.Error("a restarted service takes disks for ones that were there at boot")
	}
	if newBoot(t.TempDir()).over() {
		t.Error("over after a restart of the machine")
	}
}
