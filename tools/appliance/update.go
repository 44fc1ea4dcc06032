package appliance

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"

	"vigie/installer/systemimage"
	"vigie/internal/api"
)

// SendUpdate has a system image judged, and sends it to the slot that does not run. It is not started yet.
func (c *Client) SendUpdate(ctx context.Context, image *os.File) (api.UpdateOffer, error) {
	var offer api.UpdateOffer
	info, err := image.Stat()
	if err != nil {
		return offer, err
	}
	parts, err := systemimage.ReadParts(image, info.Size())
	if err != nil {
		return offer, err
	}
	if err := c.upload(ctx, http.MethodPost, "/update/offers", bytes.NewReader(parts), int64(len(parts)), &offer); err != nil {
		return offer, err
	}
	return offer, c.upload(ctx, http.MethodPut, "/update/offers/"+url.PathEscape(offer.ID)+"/image", io.NewSectionReader(image, 0, info.Size()), info.Size(), nil)
}

// upload sends a file and decodes the answer into out, when not nil.
func (c *Client) upload(ctx context.Context, method, path string, body io.Reader, size int64, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	return read(resp, method, path, out)
}
