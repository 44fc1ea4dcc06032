package system

import (
	"context"
	"net/http"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/system/internal/facts"
	"vigie/services/system/internal/supervisor"
)

// machine gives the API one face over the parts.
type machine struct {
	*supervisor.Link
}

func (m *machine) Memory() (api.Memory, error) { return facts.Memory("/") }

func (m *machine) SetNTPServers(ctx context.Context, servers []string) error {
	return answer.Refuse(http.StatusConflict, "unavailable", "The service is still starting. Try again in a moment.")
}

func (m *machine) FormatDisk(ctx context.Context, disk string, r api.FormatRequest) error {
	return answer.Refuse(http.StatusConflict, "unavailable", "The service is still starting. Try again in a moment.")
}
