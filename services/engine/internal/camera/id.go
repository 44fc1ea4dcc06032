package camera

import "vigie/services/engine/internal/rowid"

// ValidID tells whether s could be a camera's id. Ids become folder names: nothing else may pass.
func ValidID(s string) bool { return rowid.Valid(s) }
