package manifest

import _ "embed"

// Page is a page that verifies exports in any browser, without a network and by itself. It does what Check does, and
// TestThePageSaysWhatTheProgramSays of package verify holds it to that.
//
//go:embed verify.html
var Page []byte
