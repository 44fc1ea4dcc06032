package vmdisk

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// made is a folder with the disks of an "ISO" whose content is known.
func made(t *testing.T) (dir string, iso []byte) {
	t.Helper()
	dir = t.TempDir()
	iso = make([]byte, 3<<20)
	for i := 1 << 20; i < 2<<20; i++ {
		iso[i] = byte(rand.Uint32())
	}
	if err := os.WriteFile(filepath.Join(dir, "vigie.iso"), iso, 0o644); err != nil {
		t.Fatal(err)
	}
	p := Parts{ISO: filepath.Join(dir, "vigie.iso"), Version: "2026.01.01+abc", Dir: dir}
	if err := p.Write(t.Context(), time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	return dir, iso
}

// TestEachDiskHoldsTheISO reads the disks with qemu-img, each by its format.
func TestEachDiskHoldsTheISO(t *testing.T) {
	dir, iso := made(t)
	for name, format := range map[string]string{"vigie.vmdk": "vmdk", "vigie.vdi": "vdi", "vigie.vhdx": "vhdx"} {
		back := filepath.Join(t.TempDir(), "raw")
		out, err := exec.Command("qemu-img", "convert", "-f", format, "-O", "raw", filepath.Join(dir, name), back).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		got, err := os.ReadFile(back)
		if err != nil || len(got) < len(iso) || !bytes.Equal(got[:len(iso)], iso) || len(bytes.Trim(got[len(iso):], "\x00")) > 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// TestTheArchiveSaysWhatIsInIt reads it as a hypervisor does: the description first, the manifest's sums, each file that is named.
func TestTheArchiveSaysWhatIsInIt(t *testing.T) {
	dir, iso := made(t)
	f, err := os.Open(filepath.Join(dir, "vigie.ova"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var order []string
	content := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, h.Name)
		if content[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"vigie.ovf", "vigie.mf", "vigie.vmdk"}, order); diff != "" {
		t.Error(diff)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(content["vigie.mf"])), "\n") {
		name, sum, ok := strings.Cut(strings.TrimPrefix(line, "SHA256("), ")= ")
		got := sha256.Sum256(content[name])
		if !ok || len(content[name]) == 0 || hex.EncodeToString(got[:]) != sum {
			t.Errorf("manifest: %s", line)
		}
	}
	var e struct {
		Files []struct {
			ID   string `xml:"id,attr"`
			Href string `xml:"href,attr"`
			Size int64  `xml:"size,attr"`
		} `xml:"References>File"`
		Disks []struct {
			ID       string `xml:"diskId,attr"`
			File     string `xml:"fileRef,attr"`
			Capacity int64  `xml:"capacity,attr"`
		} `xml:"DiskSection>Disk"`
		Version string `xml:"VirtualSystem>ProductSection>Version"`
		Items   []struct {
			ID       string `xml:"InstanceID"`
			Type     int    `xml:"ResourceType"`
			Parent   string `xml:"Parent"`
			Resource string `xml:"HostResource"`
		} `xml:"VirtualSystem>VirtualHardwareSection>Item"`
	}
	if err := xml.Unmarshal(content["vigie.ovf"], &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Files) != 1 || e.Files[0].Href != "vigie.vmdk" || e.Files[0].Size != int64(len(content["vigie.vmdk"])) || e.Version != "2026.01.01+abc" {
		t.Errorf("files %+v, version %s", e.Files, e.Version)
	}
	if len(e.Disks) != 2 || e.Disks[0].File != e.Files[0].ID || e.Disks[0].Capacity != int64(len(iso)) || e.Disks[1].File != "" {
		t.Errorf("disks %+v", e.Disks)
	}
	ids, disks := map[string]bool{}, 0
	for i, item := range e.Items {
		if item.ID != strconv.Itoa(i+1) || ids[item.ID] || item.Parent != "" && !ids[item.Parent] {
			t.Errorf("item %+v", item)
		}
		ids[item.ID] = true
		if item.Type == 17 {
			if item.Resource != "ovf:/disk/"+e.Disks[disks].ID {
				t.Errorf("item %+v", item)
			}
			disks++
		}
	}
	if disks != 2 {
		t.Errorf("%d disks in the machine", disks)
	}
	if err := os.WriteFile(filepath.Join(dir, "of.vmdk"), content["vigie.vmdk"], 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("qemu-img", "info", "--output=json", filepath.Join(dir, "of.vmdk")).Output()
	var info struct {
		Format   string
		Specific struct {
			Data struct {
				Type string `json:"create-type"`
			}
		} `json:"format-specific"`
	}
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil || info.Format != "vmdk" || info.Specific.Data.Type != "streamOptimized" {
		t.Errorf("%s, %v", out, err)
	}
}

func TestWithoutAnISOThereAreNoDisks(t *testing.T) {
	dir := t.TempDir()
	if err := (Parts{ISO: filepath.Join(dir, "none"), Dir: dir}).Write(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "vigie.vmdk") {
		t.Errorf("got %v", err)
	}
}
